import base64
import hashlib
import hmac
import re
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from app.domain import webhooks
from app.domain.webhooks import BadSecret
from app.events import signatures

BODY = (
    b'{"event_type":"ACC_CREATED","message":{"id":"D","foreign_id":"f","payout_address":"",'
    b'"payout_threshold":"0","payout_frequency":""},"event_id":"00000000"}'
)
MESSAGE = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
"""Id, time and body of the reference libraries' tests."""
PRIVATE = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
V1 = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
V1A = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="


def test_gigawallets_own_vector_holds() -> None:
    signature = signatures.giga("such-secret", 1700000000, BODY)

    assert signature == "4473a55ac1c27983c2b4d8932120d9f91d45eb890b4b7c727387a9c429519978"


def test_the_vectors_of_the_standard_webhooks_libraries_hold() -> None:
    assert signatures.standard("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", *MESSAGE) == V1
    assert signatures.standard(PRIVATE, *MESSAGE) == V1A
    assert webhooks.public_key(PRIVATE) == "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="


def test_a_secret_in_plain_text_is_its_own_bytes() -> None:
    for secret in ("such-secret", "whsec_such-secret"):  # the second is no base64: plain text as well
        key = secret.encode()
        digest = hmac.new(key, b"an-id.1700000000.{}", hashlib.sha256).digest()
        expected = f"v1,{base64.b64encode(digest).decode()}"
        assert signatures.standard(secret, "an-id", 1700000000, b"{}") == expected


def test_each_attempt_has_both_ways_headers_and_none_is_signed_without_a_secret() -> None:
    signed = signatures.headers(["such-secret"], "id-1", 1700000000, BODY)
    plain = signatures.headers([], "id-1", 1700000000, BODY)

    assert signed["X-Giga-Signature"] == f"sha256={signatures.giga('such-secret', 1700000000, BODY)}"
    assert signed["webhook-signature"].startswith("v1,")
    assert signed.keys() - plain.keys() == {"X-Giga-Signature", "webhook-signature"}
    assert plain["webhook-id"] == "id-1"
    assert plain["webhook-timestamp"] == plain["X-Giga-Timestamp"] == "1700000000"
    assert plain["Content-Type"] == "application/json"


def test_two_secrets_sign_side_by_side_and_gigawallets_header_is_of_the_new_one() -> None:
    new, old = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", PRIVATE

    both = signatures.headers([new, old], *MESSAGE)
    turned = signatures.headers([old, new], *MESSAGE)

    assert both["webhook-signature"] == f"{V1} {V1A}"
    assert both["X-Giga-Signature"] == f"sha256={signatures.giga(new, *MESSAGE[1:])}"
    assert turned["webhook-signature"] == f"{V1A} {V1}"
    assert "X-Giga-Signature" not in turned


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        ("", "24 to 255"),
        ("x" * 23, "24 to 255"),
        ("x" * 256, "24 to 255"),
        ("x" * 30 + "\n", "24 to 255"),
        ("whsec_", "24 to 64 bytes"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "24 to 64 bytes"),
        ("whsec_" + base64.b64encode(b"x" * 23).decode(), "24 to 64 bytes"),
        ("whsec_" + base64.b64encode(b"x" * 65).decode(), "24 to 64 bytes"),
        ("whsk_" + base64.b64encode(b"x" * 64).decode(), "ed25519"),
        ("whsk_no base64, but long enough for anything", "ed25519"),
        ("whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=", "public key"),
    ],
)
def test_a_secret_that_is_too_short_or_not_what_it_says_is_refused_without_repeating_it(
    secret: str, reason: str
) -> None:
    with pytest.raises(BadSecret, match=reason) as refused:
        webhooks.check(secret)

    assert refused.value.field == "secret"
    assert len(secret) < 8 or secret not in str(refused.value)


def test_what_is_made_is_good_and_says_what_it_is() -> None:
    for scheme, prefix in (("v1", "whsec_"), ("v1a", "whsk_")):
        secret = webhooks.generate(scheme, bytes(range(32)))
        webhooks.check(secret)
        assert secret.startswith(prefix)
        assert webhooks.scheme_of(secret) == scheme
    webhooks.check("x" * 24)
    webhooks.check(PRIVATE)


def test_the_lines_of_the_documentation_tell_what_is_genuine(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are run as they stand there."""
    document = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
    [lines] = re.findall(r"^    import base64.*?(?=^`X-Giga)", document, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(textwrap.dedent(lines), names)  # what users will run
    monkeypatch.setattr(time, "time", lambda: 1614265400)

    for secret in ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "plain text is a secret too"):
        headers = signatures.headers([PRIVATE, secret], *MESSAGE)
        assert names["genuine"](secret, headers, MESSAGE[2])
        assert not names["genuine"](secret, headers, MESSAGE[2] + b" ")
        assert not names["genuine"](secret[:-1] + "x", headers, MESSAGE[2])
        late = signatures.headers([secret], MESSAGE[0], MESSAGE[1] - 400, MESSAGE[2])
        assert not names["genuine"](secret, late, MESSAGE[2])
