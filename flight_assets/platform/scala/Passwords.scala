package flights

import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Paths}
import java.security.MessageDigest
import javax.security.sasl.AuthenticationException
import org.apache.hadoop.hive.conf.HiveConf
import org.apache.hive.service.auth.PasswdAuthenticationProvider

/** Lets those users into HiveServer2 that have a file `hive_NAME` with their password in the folder `flights.secrets` of hive-site.xml. */
class Passwords extends PasswdAuthenticationProvider {
  private val conf = new HiveConf()

  override def Authenticate(user: String, password: String): Unit = {
    val known = conf.get("flights.users").split(",").contains(user)
    val expected = if (known) Files.readAllBytes(Paths.get(conf.get("flights.secrets"), s"hive_$user")) else Array.emptyByteArray
    // In constant time: the time of an answer tells nothing of the password.
    if (!known || !MessageDigest.isEqual(expected, password.getBytes(UTF_8))) throw new AuthenticationException("wrong user or password")
  }
}
