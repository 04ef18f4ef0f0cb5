"""Signs again what the node refused for its fee, parents before what stands on them, in memory, to be stored at once."""

from dataclasses import replace

from app.chain.signer import Signer
from app.chain.signing_batch import SigningBatch
from app.domain.dogecoin import Outpoint
from app.domain.payments import (
    CoinPool,
    Means,
    Plan,
    Replacement,
    Signed,
    Spendable,
    Stuck,
    Tier,
    fee_bumps,
    fees,
    replacements,
)


def sign(signer: Signer, policy: fees.Policy, plan: Plan) -> list[Replacement]:
    """Return what takes the place of each; all of it, or a refusal.

    What stood on the change of one stands on that of what replaces it: each of the old ones is out with what it stood on.
    """
    replacements.check(plan)
    batch = SigningBatch(signer, policy, CoinPool(), (), plan.change_keys, set())
    paths, left, spare = dict(plan.paths), dict(plan.left), list(plan.spare)
    changed: dict[bytes, Spendable] = {}
    made = []
    for stuck in plan.stuck:
        held = [changed.get(coin.outpoint.txid, coin) for coin in stuck.coins]
        choice = fee_bumps.choose(
            stuck, held, Means(left, spare, policy), built_upon=plan.is_built_upon(stuck)
        )
        payments = fee_bumps.carried(stuck, choice.fee, left)
        signed = _signed(stuck, batch.sign(payments, choice, paths))
        made.append(Replacement(stuck, payments, signed))
        if signed.change is not None and signed.change_vout is not None:
            outpoint = Outpoint(signed.txid, signed.change_vout)
            changed[stuck.txid] = Spendable(outpoint, choice.change, Tier.UNCONFIRMED)
            paths[outpoint] = signed.change
        spare = [coin for coin in spare if coin not in choice.coins]
        for was, now in zip(stuck.payments, payments, strict=True):
            left[now.owner.id] = left.get(now.owner.id, 0) - (now.reserved - was.reserved)
    return made


def _signed(stuck: Stuck, signed: Signed) -> Signed:
    """It takes the place of the first that was signed for its payments, and stands on as much as what it replaces."""
    return replace(signed, replaces=stuck.first, sends=True, ancestors=stuck.ancestors)
