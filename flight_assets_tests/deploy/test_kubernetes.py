"""The Kustomize base: what its generator makes, valid, and the same as Compose and the table of services."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from flight_assets.errors import FlightsError
from flight_assets.platform import spark_config, spark_executor, spark_kubernetes
from flight_assets.platform.kubernetes.__main__ import FOLDER, render
from flight_assets.platform.services import services as table
from flight_assets.settings import Settings
from flight_assets_tests.deploy.compose import DEPLOY, config, services

# The newest release whose schemas the validator has, and one that is two years older.
RELEASES = ("1.37", "1.31")


@cache
def manifests() -> tuple[dict[str, Any], ...]:
    """Every object of the committed files, without the Kustomization."""
    return tuple(
        found
        for path in sorted(FOLDER.glob("*.yaml"))
        if path.name != "kustomization.yaml"
        for found in yaml.safe_load_all(path.read_text())
    )


def of_kind(*kinds: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in manifests() if one["kind"] in kinds}


def pods() -> dict[str, dict[str, Any]]:
    found = of_kind("Deployment", "StatefulSet", "Job")
    return {name: one["spec"]["template"] for name, one in found.items()}


PODS = sorted(pods())


def test_the_committed_files_are_the_generators() -> None:
    """After a change: `make kubernetes`."""
    assert {path.name: path.read_text() for path in FOLDER.glob("*.yaml")} == render()


def test_the_kustomization_takes_every_file() -> None:
    found = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
    assert set(found["resources"]) == {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert found["namespace"] == "flights"


@pytest.mark.parametrize("release", RELEASES)
def test_every_object_is_valid(release) -> None:
    for one in manifests():
        kubernetes_validate.validate(one, release, strict=True)
    kubernetes_validate.validate(executor_template(), release, strict=True)


def test_the_validator_would_refuse_what_is_wrong() -> None:
    wrong = yaml.safe_load((FOLDER / "kafka.yaml").read_text().split("---")[0])
    wrong["spec"]["template"]["spec"]["containers"][0]["redinessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="redinessProbe"):
        kubernetes_validate.validate(wrong, RELEASES[0], strict=True)


def test_every_service_of_the_table_runs_there() -> None:
    names = {service.name.replace("mongod", "mongodb") for service in table(Settings(_env_file=None))}
    assert names <= set(PODS)
    left_out = {"spark-master", "spark-worker", "hdfs-volumes"} | {
        name for name in services() if name.startswith("airflow-")
    }
    assert set(PODS) == set(services()) - left_out


@pytest.mark.parametrize("name", PODS)
def test_a_pod_is_confined_and_limited(name) -> None:
    spec = pods()[name]["spec"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] == (name == "spark")
    for container in (*spec.get("initContainers", []), *spec["containers"]):
        rights = container["securityContext"]
        assert rights["capabilities"] == {"drop": ["ALL"]}
        assert not rights["allowPrivilegeEscalation"]
        assert rights["readOnlyRootFilesystem"] == (name != "kafka")
        assert set(container["resources"]["limits"]) == {"cpu", "memory"}
        known = {volume["name"] for volume in spec["volumes"]} | set(claims_of(name))
        assert {mount["name"] for mount in container["volumeMounts"]} <= known


def claims_of(name: str) -> list[str]:
    found = of_kind("StatefulSet").get(name, {"spec": {}})
    return [claim["metadata"]["name"] for claim in found["spec"].get("volumeClaimTemplates", [])]


@pytest.mark.parametrize("name", PODS)
def test_image_user_and_memory_are_those_of_compose(name) -> None:
    spec, given = pods()[name]["spec"], services()[name]
    (container,) = spec["containers"]
    assert container["image"].rsplit(":", 1)[0] == given["image"].rsplit(":", 1)[0]
    context = spec["securityContext"]
    assert f"{context['runAsUser']}:{context['runAsGroup']}" == given["user"]
    number, unit = re.findall(r"(\d+)([MG])i", container["resources"]["limits"]["memory"])[0]
    assert int(number) * 1024 ** (2 if unit == "M" else 3) == int(
        given["deploy"]["resources"]["limits"]["memory"]
    )


@pytest.mark.parametrize("name", PODS)
def test_probes_prove_work_and_only_a_dead_port_restarts(name) -> None:
    (container,) = pods()[name]["spec"]["containers"]
    if name == "bootstrap":
        assert "readinessProbe" not in container
        return
    command = container["readinessProbe"]["exec"]["command"]
    assert container["startupProbe"]["exec"]["command"] == command
    assert "check.sh" not in " ".join(command)
    assert "liveness" not in container or "tcpSocket" in container["livenessProbe"]
    if container.get("args", [])[:2] == ["service", "run"]:
        assert command == ["flights", "service", "check", name]


@pytest.mark.parametrize("name", PODS)
def test_a_pod_gets_its_secrets_by_reference_and_no_others(name) -> None:
    volumes = {volume["name"]: volume for volume in pods()[name]["spec"]["volumes"]}
    wanted = [secret["source"] for secret in services()[name].get("secrets", [])]
    if not wanted:
        assert "secrets" not in volumes
        return
    secret = volumes["secrets"]["secret"]
    assert secret["secretName"] == "flights-secrets"
    assert [item["key"] for item in secret["items"]] == wanted


def test_there_is_no_secret_in_the_files() -> None:
    assert not of_kind("Secret")
    for data in (one["data"] for one in of_kind("ConfigMap").values()):
        assert not any(re.search(r"://[^/@\s]*:[^/@\s$]+@", text) for text in data.values())
    for template in pods().values():
        for container in template["spec"]["containers"]:
            for variable in container.get("env", []):
                if re.search("PASSWORD|SECRET", variable["name"]):
                    assert variable["name"].endswith("_FILE")


@pytest.mark.parametrize("name", sorted(of_kind("Service")))
def test_a_service_leads_to_ports_that_its_pod_has(name) -> None:
    (container,) = pods()[name]["spec"]["containers"]
    names = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert {port["targetPort"]: port["port"] for port in of_kind("Service")[name]["spec"]["ports"]} == names
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]{0,14}", port) for port in names)


def test_a_store_finds_itself_before_it_is_ready() -> None:
    for name in ("kafka", "mongodb", "namenode"):
        spec = of_kind("Service")[name]["spec"]
        assert (spec["clusterIP"], spec["publishNotReadyAddresses"]) == ("None", True)


def allowed(who: str, server: str) -> bool:
    """Return True if the policies let a pod in at another one."""
    labels = pods()[who]["metadata"]["labels"]
    (rule,) = of_kind("NetworkPolicy")[server]["spec"]["ingress"]
    return "from" not in rule or any(
        peer["podSelector"]["matchLabels"].items() <= labels.items() for peer in rule["from"]
    )


def test_policies_let_in_whoever_shares_a_network_of_compose() -> None:
    assert of_kind("NetworkPolicy")["deny"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    for server in of_kind("Service"):
        for who in PODS:
            shares = bool(set(services()[who]["networks"]) & set(services()[server]["networks"]))
            assert allowed(who, server) == (shares or server == "proxy"), (who, server)
    assert not allowed("proxy", "mongodb")
    assert not allowed("producer", "namenode")


def test_data_is_in_claims() -> None:
    kept = {"kafka-data", "postgres-data", "redis-data", "namenode-data", "datanode-data", "mongodb-data"}
    assert kept <= {claim for name in PODS for claim in claims_of(name)}
    assert set(of_kind("PersistentVolumeClaim")) == {"dagster-home"}
    assert kept <= set(config()["volumes"])


def test_servers_keep_clear_of_what_else_a_claim_has() -> None:
    """A new file system has a folder lost+found, in which Kafka and PostgreSQL do not start."""
    for name, variable in (("kafka", "KAFKA_LOG_DIRS"), ("postgres", "PGDATA")):
        (container,) = pods()[name]["spec"]["containers"]
        folder = {entry["name"]: entry["value"] for entry in container["env"]}[variable]
        mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert Path(folder).parent == Path(mounted[f"{name}-data"])
    hadoop = of_kind("ConfigMap")["files-hadoop"]["data"]
    assert hadoop["hdfs-site.xml"].count("<value>file:///data/hdfs</value>") == 2
    assert "[ -e /data/hdfs/current/VERSION ]" in hadoop["namenode.sh"]


def test_the_proxy_asks_for_whole_names() -> None:
    text = of_kind("ConfigMap")["files-proxy"]["data"]["nginx.conf"]
    assert len(re.findall(r" [a-z-]+\.flights\.svc\.cluster\.local:\d+;", text)) == 6
    assert "add-user.sh" not in of_kind("ConfigMap")["files-proxy"]["data"]


# --- Spark


def executor_template() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(of_kind("ConfigMap")["spark-executors"]["data"]["executor.yaml"])
    return found


def spark_settings() -> Settings:
    given = of_kind("ConfigMap")["flights-settings"]["data"]
    own = {key.removeprefix("FLIGHTS_").lower(): value for key, value in given.items()}
    return Settings(
        _env_file=None, home="/var/lib/flights", advertised_host="spark", java_home="/java", **own
    )


def test_spark_makes_executors_as_pods_with_an_account_that_may_do_that() -> None:
    found = spark_config.spark_properties(spark_settings())
    assert found["spark.master"] == "k8s://https://kubernetes.default.svc"
    assert (found["spark.executor.instances"], found["spark.kubernetes.namespace"]) == (2, "flights")
    assert found["spark.kubernetes.container.image"] == "flight-tracking-platform:latest"
    ports = {port["containerPort"] for port in pods()["spark"]["spec"]["containers"][0]["ports"]}
    assert {found["spark.driver.port"], found["spark.driver.blockManager.port"]} <= ports
    assert found["spark.driver.host"] == "spark"
    assert found["spark.kubernetes.driver.pod.name"] == "spark-0"
    assert of_kind("StatefulSet")["spark"]["spec"]["replicas"] == 1
    mounts = pods()["spark"]["spec"]["containers"][0]["volumeMounts"]
    assert str(spark_kubernetes.TEMPLATE.parent) in {mount["mountPath"] for mount in mounts}
    (rule,) = of_kind("Role")["spark"]["rules"]
    assert {"create", "delete", "watch"} <= set(rule["verbs"])
    assert (
        of_kind("RoleBinding")["spark"]["subjects"][0]["name"]
        == pods()["spark"]["spec"]["serviceAccountName"]
    )


def test_another_master_has_no_settings_of_kubernetes(tmp_path) -> None:
    for master in ("local[2]", "spark://spark-master:7077"):
        found = spark_config.spark_properties(Settings(_env_file=None, home=tmp_path, spark_master=master))
        assert not any(key.startswith("spark.kubernetes") for key in found)


def test_executors_are_confined_and_reach_what_workers_of_compose_reach() -> None:
    template = executor_template()
    (container,) = template["spec"]["containers"]
    # Spark appends "executor".
    assert container["command"] == ["flights", "service"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert not template["spec"]["automountServiceAccountToken"]
    networks = {f"flights/{name.removesuffix('-network')}" for name in services()["spark-worker"]["networks"]}
    assert {key for key in template["metadata"]["labels"] if "/" in key} == networks
    (rule,) = of_kind("NetworkPolicy")["spark-executor"]["spec"]["ingress"]
    assert [peer["podSelector"]["matchLabels"]["app"] for peer in rule["from"]] == ["spark", "spark-executor"]


FROM_SPARK = {
    "SPARK_DRIVER_URL": "spark://CoarseGrainedScheduler@spark:7078", "SPARK_EXECUTOR_ID": "1",
    "SPARK_EXECUTOR_CORES": "2", "SPARK_EXECUTOR_MEMORY": "1024m", "SPARK_APPLICATION_ID": "spark-1",
    "SPARK_EXECUTOR_POD_IP": "10.0.0.7", "SPARK_RESOURCE_PROFILE_ID": "0",
    "SPARK_EXECUTOR_POD_NAME": "spark-executor-1", "SPARK_CLASSPATH": "/jars/*",
    **{f"SPARK_JAVA_OPT_{number}": f"-Dn={number}" for number in range(11)},
}  # fmt: skip


def test_an_executor_runs_the_command_that_spark_s_own_image_would() -> None:
    command = spark_executor.executor_command(spark_settings(), FROM_SPARK)
    assert command[0] == "/java/bin/java"
    assert command[1:12] == [f"-Dn={number}" for number in range(11)]
    assert command[12:14] == ["-Xms1024m", "-Xmx1024m"]
    assert command[15].endswith("/pyspark/jars/*:/jars/*")
    options = command[command.index(spark_executor.BACKEND) + 1 :]
    assert dict(zip(options[::2], options[1::2], strict=True)) == {
        "--driver-url": "spark://CoarseGrainedScheduler@spark:7078", "--executor-id": "1", "--cores": "2",
        "--app-id": "spark-1", "--hostname": "10.0.0.7", "--resourceProfileId": "0",
        "--podName": "spark-executor-1",
    }  # fmt: skip


def test_an_executor_that_spark_did_not_start_says_so() -> None:
    with pytest.raises(FlightsError, match="SPARK_DRIVER_URL"):
        spark_executor.executor_command(spark_settings(), {})


def test_the_example_s_patches_fit_the_base() -> None:
    found = yaml.safe_load((DEPLOY / "kubernetes/overlays/site/kustomization.yaml").read_text())
    assert [(DEPLOY / "kubernetes/overlays/site" / path).resolve() for path in found["resources"]] == [FOLDER]
    assert "FLIGHTS_SPARK_EXECUTOR_IMAGE" in of_kind("ConfigMap")["flights-settings"]["data"]
    for patch in found["patches"]:
        assert patch["target"]["name"] in of_kind(patch["target"]["kind"])
