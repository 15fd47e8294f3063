-- Runs once, in an empty data folder: a database and its owner for each who keeps something here.
\set metastore_password `cat /run/secrets/flights_metastore_db_password`
\set dagster_password `cat /run/secrets/flights_dagster_db_password`
\set airflow_password `cat /run/secrets/airflow_db_password`
CREATE ROLE metastore LOGIN PASSWORD :'metastore_password';
CREATE ROLE dagster LOGIN PASSWORD :'dagster_password';
CREATE ROLE airflow LOGIN PASSWORD :'airflow_password';
CREATE DATABASE metastore OWNER metastore;
CREATE DATABASE dagster OWNER dagster;
CREATE DATABASE airflow OWNER airflow;
REVOKE CONNECT ON DATABASE metastore, dagster, airflow FROM PUBLIC;
