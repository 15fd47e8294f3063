package flights

import org.apache.spark.sql.SparkSessionExtensions
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{Alias, BinaryComparison, Expression, In, LeafExpression, Literal}
import org.apache.spark.sql.catalyst.expressions.codegen.{CodeGenerator, CodegenContext, ExprCode, FalseLiteral, JavaCode}
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.execution.{ColumnarRule, FilterExec, ProjectExec, SparkPlan}
import org.apache.spark.sql.types.{DataType, DateType, IntegerType, LongType, TimestampType}

/** Keeps the numbers and dates that a query compares with, or gives out, beside the code that Spark generates for it. Spark writes them
  * into the code: each batch, which has a number and days of its own, would have its code generated, compiled and made fast anew. */
class HeldLiterals extends (SparkSessionExtensions => Unit) {
  override def apply(extensions: SparkSessionExtensions): Unit =
    extensions.injectColumnar(_ => new ColumnarRule { override def preColumnarTransitions: Rule[SparkPlan] = HoldLiterals })
}

object HoldLiterals extends Rule[SparkPlan] {
  override def apply(plan: SparkPlan): SparkPlan = plan.transform {
    case node @ (_: FilterExec | _: ProjectExec) => node.transformExpressions {
      case parent @ (_: BinaryComparison | _: In | _: Alias) => parent.withNewChildren(parent.children.map(held))
    }
  }

  private def held(child: Expression): Expression = child match {
    case Literal(value, kind @ (IntegerType | LongType | DateType | TimestampType)) if value != null => HeldLiteral(value, kind)
    case other => other
  }
}

/** A value that is not null, as generated code finds it among the objects that it is handed. */
case class HeldLiteral(value: Any, dataType: DataType) extends LeafExpression {
  override def nullable: Boolean = false
  override def eval(input: InternalRow): Any = value

  override protected def doGenCode(ctx: CodegenContext, ev: ExprCode): ExprCode = {
    val primitive = CodeGenerator.javaType(dataType)
    val handed = ctx.addReferenceObj("held", value, CodeGenerator.boxedType(dataType))
    ExprCode(FalseLiteral, JavaCode.expression(s"$handed.${primitive}Value()", dataType))
  }
}
