"""The files of deployment: what an image holds, what its operator must set, and that they name what there is."""

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.config import secrets
from app.config.settings import SECRETS, VARIABLES
from app.db.engine import open_engine
from app.domain import monitoring
from app.metrics.process import ProcessMetrics
from app.metrics.scrape import Scrape
from tests.exposition import named

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
SETTINGS = {f"KENNEL_{name.upper()}" for name in [*VARIABLES, *secrets.ways(SECRETS)]}
RULES = DEPLOY / "prometheus" / "kennel.rules.yaml"
NOT_WITHOUT_A_NODE = {"kennel_node_height", "kennel_chain_lag_blocks"}
FOREIGN = re.compile(r"(process|up$|python)")
PROMTOOL = shutil.which("promtool")


def kubernetes() -> list[dict[str, Any]]:
    return [
        document
        for file in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
        for document in yaml.safe_load_all(file.read_text())
    ]


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    return {document["metadata"]["name"]: document for document in kubernetes() if document["kind"] == kind}


def pods() -> dict[str, dict[str, Any]]:
    """The pods' specifications, by the name of what makes them."""
    return {
        name: workload["spec"]["template"]["spec"]
        for name, workload in (of_kind("Deployment") | of_kind("StatefulSet")).items()
    }


def test_the_image_has_no_test_network() -> None:
    copied = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("COPY")]

    assert "COPY app app" in copied
    assert "devnet" not in " ".join(copied)
    assert "!devnet" not in (ROOT / ".dockerignore").read_text().splitlines()


def test_the_composition_starts_only_with_a_node_a_token_and_a_passphrase() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    environment = services["kennel"]["environment"]

    for name in ("KENNEL_NODE_URL", "KENNEL_ADMIN_TOKEN", "KENNEL_SEED_PASSPHRASE"):
        assert environment[name].startswith(f"${{{name}:?set {name} in .env")
    assert environment["KENNEL_NETWORK"] == "${KENNEL_NETWORK:-main}"
    assert services.keys() == {"kennel", "postgres", "mosquitto"}
    assert {name for name in environment if name.startswith("KENNEL_")} <= SETTINGS


def test_each_setting_that_a_cluster_or_systemd_sets_is_one() -> None:
    in_pods = {
        variable["name"] for pod in pods().values() for variable in pod["containers"][0].get("env", ())
    }
    in_unit = re.findall(
        r"^Environment=(\w+)=", (DEPLOY / "systemd/kennel.service").read_text(), re.MULTILINE
    )
    exported = re.findall(r"^export (KENNEL_\w+)=", (DEPLOY / "dogebox/run.sh").read_text(), re.MULTILINE)

    [configuration] = of_kind("ConfigMap").values()
    assert {*configuration["data"], *in_pods, *in_unit, *exported} <= SETTINGS
    assert configuration["data"]["KENNEL_METRICS_BIND"].endswith(":9108")


def test_only_the_loops_have_the_passphrase_and_a_disk_and_each_pod_is_probed() -> None:
    secret = {
        name: {
            item["path"] for volume in pod["volumes"] for item in volume.get("secret", {}).get("items", ())
        }
        for name, pod in pods().items()
    }

    assert secret["kennel-http"] == {"admin-token", "node-url", "relay.key"}
    assert of_kind("StatefulSet")["kennel-loops"]["spec"]["replicas"] == 1
    for pod in pods().values():
        [container] = pod["containers"]
        ports = {port["name"] for port in container["ports"]}
        probes = [container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")]
        assert {probe["port"] for probe in probes} <= ports
        assert {probe["path"] for probe in probes} <= {"/health", "/ready"}
        assert container["securityContext"]["readOnlyRootFilesystem"]


def test_whatever_leads_to_pods_finds_pods_that_there_are() -> None:
    labels = {
        name: workload["spec"]["template"]["metadata"]["labels"]
        for name, workload in (of_kind("Deployment") | of_kind("StatefulSet")).items()
    }
    selectors = [
        *(service["spec"]["selector"] for service in of_kind("Service").values()),
        *(budget["spec"]["selector"]["matchLabels"] for budget in of_kind("PodDisruptionBudget").values()),
    ]

    for selector in selectors:
        assert any(selector.items() <= label.items() for label in labels.values())
    [scaler] = of_kind("HorizontalPodAutoscaler").values()
    assert scaler["spec"]["scaleTargetRef"]["name"] in labels
    [cluster] = of_kind("Cluster").values()
    database = [
        volume["secret"]["secretName"]
        for pod in pods().values()
        for volume in pod["volumes"]
        if volume["name"] == "database"
    ]
    assert set(database) == {f"{cluster['metadata']['name']}-app"}


def test_the_dogebox_has_the_ports_of_gigawallet_and_builds_what_the_manifest_names() -> None:
    manifest = json.loads((DEPLOY / "dogebox/manifest.json").read_text())
    build = manifest["container"]["build"]
    script = (DEPLOY / "dogebox/run.sh").read_text()

    assert {port["port"] for port in manifest["container"]["exposes"]} == {8081, 8082}
    assert all(f":{port}" in script for port in (8081, 8082))
    nix = (DEPLOY / "dogebox" / build["nixFile"]).read_bytes()
    assert build["nixFileSha256"] == hashlib.sha256(nix).hexdigest()
    subprocess.run(["sh", "-n", DEPLOY / "dogebox/run.sh"], check=True)


# ---------------------------------------------------------------- alerts and board


def expressions(board: dict[str, Any]) -> Iterator[str]:
    for panel in board["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


def metrics_in(expression: str) -> set[str]:
    """The metrics that an expression of Prometheus names, without the endings of histograms."""
    bare = re.sub(r'\{[^}]*\}|"[^"]*"|\b(?:by|on) \([^)]*\)', " ", expression)
    words = set(re.findall(r"\b(?:kennel|process)_\w+|\bup\b", bare))
    return {re.sub(r"_(?:bucket|count|sum)$", "", word) for word in words}


async def exposed(tmp_path: Path) -> set[str]:
    engine = open_engine(f"postgresql+asyncpg://kennel@/kennel?host={tmp_path}")
    text = (await Scrape(ProcessMetrics(), engine).text()).decode()
    await engine.dispose()
    return {*named(text), *NOT_WITHOUT_A_NODE, "up"}


async def test_alerts_and_the_board_name_only_figures_that_there_are(tmp_path: Path) -> None:
    board = json.loads((DEPLOY / "grafana/kennel.json").read_text())
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    known = await exposed(tmp_path)

    of_alerts = [metrics_in(rule["expr"]) for rule in rules]
    of_board = [metrics_in(expression) for expression in expressions(board)]
    assert all(of_alerts)
    assert all(of_board)
    assert set().union(*of_alerts, *of_board) <= known
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_the_board_shows_the_hot_wallet_beside_its_ceiling_and_what_is_cold() -> None:
    board = json.loads((DEPLOY / "grafana/kennel.json").read_text())
    shown = [
        set().union(*(metrics_in(target["expr"]) for target in panel["targets"]))
        for panel in board["panels"]
        if "targets" in panel
    ]

    assert {"kennel_hot_koinu", "kennel_hot_ceiling_koinu"} in shown
    assert {f"kennel_{name}" for name in [*monitoring.HOT_WALLET.values, "cold_koinu"]} <= set().union(*shown)


def test_no_panel_of_the_board_lies_on_another() -> None:
    board = json.loads((DEPLOY / "grafana/kennel.json").read_text())
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in board["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_each_alert_has_a_severity_and_says_what_to_do() -> None:
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]

    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["annotations"].keys() == {"summary", "description"}


@pytest.mark.skipif(PROMTOOL is None, reason="needs promtool, which the continuous integration installs")
@pytest.mark.parametrize("words", ["check rules kennel.rules.yaml", "test rules kennel.rules.test.yaml"])
def test_prometheus_takes_the_rules_and_they_fire_when_they_are_to(words: str) -> None:
    done = subprocess.run(
        [PROMTOOL or "", *words.split()], cwd=RULES.parent, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
