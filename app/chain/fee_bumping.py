"""Signs again, in memory, what the node refused for its fee: parents before what is built on them."""

from dataclasses import replace

from app.chain.signer import Signer
from app.chain.signing_batch import SigningBatch
from app.domain import payments
from app.domain.dogecoin import Outpoint
from app.domain.payments import Replacement, Signed, Stuck, fee_bumps, replacements


def sign(signer: Signer, policy: payments.Policy, plan: payments.Plan) -> list[Replacement]:
    """Return a replacement for each transaction of the plan, to be stored together; or raise a refusal.

    What spent the change of an old transaction spends the change of its replacement: whoever replaces the old
    one removes that too.
    """
    replacements.check(plan)
    batch = SigningBatch(signer, policy, plan.change_keys)
    paths, balances, spare = dict(plan.paths), dict(plan.spendable), list(plan.spare)
    new_change: dict[bytes, payments.Spendable] = {}
    signed_again = []
    for stuck in plan.stuck:
        inputs = [new_change.get(coin.outpoint.txid, coin) for coin in stuck.coins]
        means = payments.Means(balances, spare, policy)
        choice = fee_bumps.choose(stuck, inputs, means, built_upon=plan.is_built_upon(stuck))
        carried = fee_bumps.carried(stuck, choice.fee, balances)
        signed = _replacing(stuck, batch.sign(carried, choice, paths))
        signed_again.append(Replacement(stuck, carried, signed))
        if signed.change is not None and signed.change_vout is not None:
            outpoint = Outpoint(signed.txid, signed.change_vout)
            new_change[stuck.txid] = payments.Spendable(outpoint, choice.change, payments.Tier.UNCONFIRMED)
            paths[outpoint] = signed.change
        spare = [coin for coin in spare if coin not in choice.coins]
        for old, new in zip(stuck.payments, carried, strict=True):
            balances[new.owner.id] = balances.get(new.owner.id, 0) - (new.reserved - old.reserved)
    return signed_again


def _replacing(stuck: Stuck, signed: Signed) -> Signed:
    """Note that it replaces the first transaction of its payments, and keeps the number of ancestors."""
    return replace(signed, replaces=stuck.first, broadcast_by_us=True, ancestors=stuck.ancestors)
