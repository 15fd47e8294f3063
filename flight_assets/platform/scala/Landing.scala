package flights

import org.apache.spark.sql.{DataFrame, Row, SQLContext}
import org.apache.spark.sql.catalyst.encoders.ExpressionEncoder
import org.apache.spark.sql.execution.streaming.Sink
import org.apache.spark.sql.execution.streaming.sources.ForeachBatchSink
import org.apache.spark.sql.sources.StreamSinkProvider
import org.apache.spark.sql.streaming.OutputMode

/** The sink that raw batches land through: each as Parquet in a directory of its own, written over when the batch comes again. The
  * option `directory` is its path as a format of the batch's number. Python's foreachBatch would start a process for every run. */
class Landing extends StreamSinkProvider {
  override def createSink(context: SQLContext, options: Map[String, String], partitions: Seq[String], mode: OutputMode): Sink =
    new LandingSink(options("directory"))
}

class LandingSink(directory: String) extends Sink {
  override def addBatch(number: Long, rows: DataFrame): Unit = {
    def write(batch: DataFrame, id: Long): Unit = batch.write.mode("overwrite").parquet(directory.format(id))
    new ForeachBatchSink[Row](write, ExpressionEncoder(rows.schema)).addBatch(number, rows)
  }
}
