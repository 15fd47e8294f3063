package flights

import java.io.{ByteArrayOutputStream, OutputStream, PrintStream}
import java.nio.charset.StandardCharsets.UTF_8
import java.util.{Collections, Map => JavaMap}
import org.apache.spark.SparkContext
import org.apache.spark.api.plugin.{DriverPlugin, ExecutorPlugin, PluginContext, SparkPlugin}

/** Keeps the token of Connect out of Spark's log: pyspark's own processes there print the address that they connect to, with it. */
class Masked extends SparkPlugin {
  override def driverPlugin(): DriverPlugin = new DriverPlugin {
    override def init(context: SparkContext, plugin: PluginContext): JavaMap[String, String] = {
      System.setOut(new PrintStream(new MaskedLines(System.out), true, "UTF-8"))
      System.setErr(new PrintStream(new MaskedLines(System.err), true, "UTF-8"))
      Collections.emptyMap()
    }
  }
  override def executorPlugin(): ExecutorPlugin = null
}

class MaskedLines(target: PrintStream) extends OutputStream {
  private val line = new ByteArrayOutputStream()

  override def write(byte: Int): Unit = synchronized {
    line.write(byte)
    if (byte == '\n') {
      target.write(line.toString(UTF_8).replaceAll("token=[^;\\s]+", "token=***").getBytes(UTF_8))
      target.flush()
      line.reset()
    }
  }
}
