"""The law of a transfer in the sandbox, from the sandbox's own parameters, in the words of the evaluation.

Enters: the law of a chain, how the sending and the receiving venue handle coins. Leaves: a `TransferTime` with every
wait that the simulated world makes. Never: a draw of that world.
"""

from cryptopipe.evaluate.chain_times import ChainTime
from cryptopipe.evaluate.transfer_parts import Fixed, Lognormal, Part
from cryptopipe.evaluate.transfer_rare import Never, Rarely
from cryptopipe.evaluate.transfer_time import Processing, TransferTime, law_of
from cryptopipe.sandbox import chain_parameters as sandbox


def delay(stated: sandbox.Delay) -> Part:
    """Of no spread: always its median."""
    if not stated.spread or not stated.median_s:
        return Fixed(stated.median_s / 60)
    return Lognormal(stated.median_s / 60, stated.spread)


def row(chain: str, law: sandbox.ChainLaw) -> ChainTime:
    figures = {name: getattr(law, name) for name in law.__struct_fields__}
    return ChainTime(chain=chain, source="parameters of the sandbox", as_of="", **figures)


def processing(stated: sandbox.Processing) -> Processing:
    rare = (
        Rarely(stated.manual, delay(stated.manual_review)),
        Rarely(stated.refill, delay(stated.refill_wait)),
        Rarely(stated.stuck, Fixed(stated.stuck_s / 60)),
        Rarely(stated.failed, Never()),
    )
    kept = tuple(one for one in rare if one.chance)
    return Processing(delay(stated.review), kept, stated.batch_s / 60, stated.fee_level, "parameters of the sandbox")


def known_law(
    chain: str,
    law: sandbox.ChainLaw,
    source: sandbox.Processing,
    target: sandbox.Processing,
    confirmations: int | None = None,
) -> TransferTime:
    """From the request to withdraw until the credit, without faults. `confirmations` as the target's network states."""
    return law_of(row(chain, law), confirmations, processing(source), delay(target.credit))
