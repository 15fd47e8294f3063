package flights

import org.apache.spark.sql.{SparkSession, SparkSessionExtensions}
import org.apache.spark.sql.catalyst.{CurrentUserContext, FunctionIdentifier, TableIdentifier}
import org.apache.spark.sql.catalyst.analysis.{UnresolvedFunction, UnresolvedRelation}
import org.apache.spark.sql.catalyst.expressions.Expression
import org.apache.spark.sql.catalyst.parser.ParserInterface
import org.apache.spark.sql.catalyst.plans.logical.{Command, LogicalPlan}
import org.apache.spark.sql.execution.command.SetCommand
import org.apache.spark.sql.types.{DataType, StructType}

/** Sessions in which `spark.flights.readOnly` is true, as it is unless a client sets it, take queries and nothing that changes data.
  * So do those of the users that `spark.flights.readers` names, whatever they set: it is read from Spark's own configuration. */
class ReadOnly extends (SparkSessionExtensions => Unit) {
  override def apply(extensions: SparkSessionExtensions): Unit =
    extensions.injectParser((session, parser) => new ReadOnlyParser(session, parser))
}

class ReadOnlyParser(session: SparkSession, delegate: ParserInterface) extends ParserInterface {
  private val Key = "spark.flights.readOnly"
  private val Reading = Set("SetCommand", "ExplainCommand", "SetCatalogAndNamespace", "SetCatalogCommand", "SetNamespaceCommand")
  private val Hidden = Seq("Insert", "Compound", "ExecuteImmediate", "UnresolvedExecuteImmediate", "ScriptTransformation")

  // Functions that call any static method of the JVM.
  private val Reaching = Set("reflect", "try_reflect", "java_method")

  override def parsePlan(text: String): LogicalPlan = refuseWrites(delegate.parsePlan(text))
  override def parseQuery(text: String): LogicalPlan = refuseWrites(delegate.parseQuery(text))
  override def parseExpression(text: String): Expression = delegate.parseExpression(text)
  override def parseTableIdentifier(text: String): TableIdentifier = delegate.parseTableIdentifier(text)
  override def parseFunctionIdentifier(text: String): FunctionIdentifier = delegate.parseFunctionIdentifier(text)
  override def parseMultipartIdentifier(text: String): Seq[String] = delegate.parseMultipartIdentifier(text)
  override def parseTableSchema(text: String): StructType = delegate.parseTableSchema(text)
  override def parseDataType(text: String): DataType = delegate.parseDataType(text)
  override def parseRoutineParam(text: String): StructType = delegate.parseRoutineParam(text)

  private val readers = session.sparkContext.getConf.get("spark.flights.readers", "").split(",").filter(_.nonEmpty).toSet

  private def refuseWrites(plan: LogicalPlan): LogicalPlan = {
    val onlyReads = readers(CurrentUserContext.getCurrentUserOrEmpty)
    if (onlyReads || session.conf.get(Key, "true").toBoolean) {
      for (node <- nodes(plan) if changes(node) || reachesOut(node) || (onlyReads && isFile(node)))
        throw new IllegalStateException(
          s"this session is read-only (${node.nodeName}): connect with $Key=false to change data")
    }
    plan
  }

  /** The nodes of a statement, those of subqueries and inside WITH clauses too. */
  private def nodes(plan: LogicalPlan): Seq[LogicalPlan] =
    plan.collectWithSubqueries { case node => node +: node.innerChildren.collect { case inner: LogicalPlan => inner }.flatMap(nodes) }.flatten

  // Files are read as the user of Spark's own process, who may read more than tables: also those with the passwords.
  private def isFile(node: LogicalPlan): Boolean = node match {
    case relation: UnresolvedRelation => relation.multipartIdentifier.exists(_.contains("/"))
    case _ => false
  }

  private def reachesOut(node: LogicalPlan): Boolean = node.expressions.exists(_.exists {
    case function: UnresolvedFunction => Reaching(function.nameParts.last.toLowerCase)
    case _ => false
  })

  private def changes(node: LogicalPlan): Boolean = {
    val name = node.getClass.getSimpleName
    val reads = Reading(name) || name.startsWith("Show") || name.startsWith("Describe")
    node match {
      case set: SetCommand => set.kv.exists(_._1 == Key)
      case _: Command => !reads
      case _ => Hidden.exists(name.startsWith) || (!reads && (name.endsWith("Statement") || node.getClass.getName.contains(".delta.")))
    }
  }
}
