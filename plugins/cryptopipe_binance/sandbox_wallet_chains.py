"""What the simulated wallet endpoints of Binance say of a chain: its name, its explorer, the form of its addresses.

Enters: the venue's code of a network. Leaves: texts of the listing. Never: what decides whether an address is good: the
desk does.

Names, explorers and patterns as answers of `capital/config/getall` and `deposit/address` have them that are kept by
JKorf/Binance.Net's tests (BTC) and quoted in ccxt 4.5.90 (ETH, BSC); TRX, SOL and the others follow them (not
confirmed).
"""

from typing import NamedTuple


class Chain(NamedTuple):
    """A network as the venue describes it."""

    name: str
    explorer: str
    pattern: str


_EVM = "^(0x)[0-9A-Fa-f]{40}$"
CHAINS = {
    "BTC": Chain("Bitcoin", "https://btc.com/", "^[13][a-km-zA-HJ-NP-Z1-9]{25,34}$|^(bc1)[0-9A-Za-z]{39,59}$"),
    "ETH": Chain("Ethereum (ERC20)", "https://etherscan.io/address/", _EVM),
    "BSC": Chain("BNB Smart Chain (BEP20)", "https://bscscan.com/address/", _EVM),
    "TRX": Chain("Tron (TRC20)", "https://tronscan.org/#/address/", "^T[1-9A-HJ-NP-Za-km-z]{33}$"),
    "SOL": Chain("Solana", "https://explorer.solana.com/address/", "^[1-9A-HJ-NP-Za-km-z]{32,44}$"),
    "MATIC": Chain("Polygon POS", "https://polygonscan.com/address/", _EVM),
    "ARBITRUM": Chain("Arbitrum One", "https://arbiscan.io/address/", _EVM),
    "BASE": Chain("Base", "https://basescan.org/address/", _EVM),
    "AVAXC": Chain("AVAX C-Chain", "https://snowtrace.io/address/", _EVM),
}


def chain(network: str) -> Chain:
    """Of a network's code; one that is not described is named by its code."""
    return CHAINS.get(network, Chain(network, "", ""))
