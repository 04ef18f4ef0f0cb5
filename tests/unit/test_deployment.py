"""The files of deployment: what an image holds, and what its operator must set."""

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def test_the_image_has_no_test_network() -> None:
    copied = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("COPY")]

    assert "COPY app app" in copied
    assert "devnet" not in " ".join(copied)
    assert "!devnet" not in (ROOT / ".dockerignore").read_text().splitlines()


def test_the_composition_starts_only_with_a_node_a_token_and_a_passphrase() -> None:
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
    environment = services["kennel"]["environment"]

    for name in ("KENNEL_NODE_URL", "KENNEL_ADMIN_TOKEN", "KENNEL_SEED_PASSPHRASE"):
        assert environment[name].startswith(f"${{{name}:?set {name} in .env")
    assert environment["KENNEL_NETWORK"] == "${KENNEL_NETWORK:-main}"
    assert services.keys() == {"kennel", "postgres", "mosquitto"}
