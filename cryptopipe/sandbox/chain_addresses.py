"""What addresses and transaction ids look like on each chain, and how made-up ones are spelt.

Enters: a chain's name, a text. Leaves: whether the text may be an address there; addresses and ids of the sandbox.
Never: a checksum: a sandbox address looks like one of its chain, and a real wallet refuses it.
"""

import re
from hashlib import shake_256

import msgspec

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "023456789acdefghjklmnpqrstuvwxyz"
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_HEX = "0123456789abcdef"
_BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_B58, _B32 = "[1-9A-HJ-NP-Za-km-z]", "[02-9ac-hj-np-z]"


class _Form(msgspec.Struct, frozen=True):
    """`pattern`: what an address is; ours are `prefix` and `length` letters of `alphabet`."""

    pattern: str
    prefix: str
    alphabet: str
    length: int


def _form(pattern: str, prefix: str, alphabet: str, length: int) -> _Form:
    form = _Form(pattern, prefix, alphabet, length)
    assert re.fullmatch(pattern, prefix + alphabet[-1] * length), f"{prefix} is none of its own addresses: {pattern}"
    return form


_EVM = _form("0x[0-9a-fA-F]{40}", "0x", _HEX, 40)
_SUBSTRATE = _form(f"1{_B58}{{46,47}}", "1", _BASE58, 47)
_TERRA = _form(f"terra1{_B32}{{38}}", "terra1", _BECH32, 38)

# Prefix, alphabet and length as each chain's own documentation and the examples in it have them; docs/chain.md.
_FORMS = {
    "bitcoin": _form(f"bc1q({_B32}{{38}}|{_B32}{{58}})|bc1p{_B32}{{58}}|[13]{_B58}{{25,34}}", "bc1q", _BECH32, 38),
    "lightning": _form("(?i:lnbc)[0-9a-zA-Z]{50,}", "lnbc", _BECH32, 200),
    "litecoin": _form(f"ltc1q({_B32}{{38}}|{_B32}{{58}})|ltc1p{_B32}{{58}}|[LM3]{_B58}{{25,33}}", "ltc1q", _BECH32, 38),
    "bitcoin_cash": _form(f"(bitcoincash:)?[qp]{_B32}{{41}}|[13]{_B58}{{25,34}}", "bitcoincash:q", _BECH32, 41),
    "dogecoin": _form(f"[DA9]{_B58}{{25,33}}", "D", _BASE58, 33),
    "dash": _form(f"[X7]{_B58}{{25,33}}", "X", _BASE58, 33),
    "zcash": _form(f"t[13]{_B58}{{33}}|zs1{_B32}{{75}}|u1{_B32}{{60,}}", "t1", _BASE58, 33),
    "monero": _form(f"[48]{_B58}{{94}}|4{_B58}{{105}}", "8", _BASE58, 94),
    "solana": _form(f"{_B58}{{43,44}}", "", _BASE58, 44),
    "tron": _form(f"T{_B58}{{33}}", "T", _BASE58, 33),
    "xrp_ledger": _form(f"r{_B58}{{24,34}}|X{_B58}{{46}}", "r", _BASE58, 33),
    "stellar": _form("G[A-Z2-7]{55}|M[A-Z2-7]{68}", "G", _BASE32, 55),
    "cardano": _form(f"addr1{_B32}{{53,98}}|[AD]{_B58}{{58,104}}", "addr1", _BECH32, 98),
    "polkadot": _SUBSTRATE,
    "cosmos_hub": _form(f"cosmos1{_B32}{{38}}", "cosmos1", _BECH32, 38),
    "terra": _TERRA,
    "terra_classic": _TERRA,
    "tezos": _form(f"(tz[1-4]|KT1){_B58}{{33}}", "tz1", _BASE58, 33),
    "algorand": _form("[A-Z2-7]{58}", "", _BASE32, 58),
    "near": _form("[0-9a-f]{64}|[a-z0-9._-]{2,58}\\.near", "", _HEX, 64),
    "filecoin": _form("f1[a-z2-7]{39}|f[03][a-z0-9]+|f4[a-z0-9]+", "f1", _BASE32.lower(), 39),
    "internet_computer": _form("[0-9a-f]{64}", "", _HEX, 64),
    "aptos": _form("0x[0-9a-fA-F]{64}", "0x", _HEX, 64),
    "sui": _form("0x[0-9a-fA-F]{64}", "0x", _HEX, 64),
    "ton": _form("[EU]Q[A-Za-z0-9_-]{46}", "UQ", _BASE64URL, 46),
    **dict.fromkeys(
        (
            *("ethereum", "bnb_smart_chain", "polygon", "arbitrum", "optimism", "base", "avalanche_c"),
            "ethereum_classic",
        ),
        _EVM,
    ),
}
_UNKNOWN = _form("[0-9A-Za-z:._-]{8,120}", "sandbox", _HEX, 40)


def may_be_address(chain: str, address: str) -> bool:
    """By its letters and its length alone. Of a chain without an entry: whatever has no blank in it."""
    return re.fullmatch(_FORMS.get(chain, _UNKNOWN).pattern, address) is not None


def chains_of(address: str) -> frozenset[str]:
    """The chains whose address this may be."""
    return frozenset(chain for chain in _FORMS if may_be_address(chain, address))


def address_for(chain: str, owner: str) -> str:
    """An address of the chain that is always the same for the same owner, and no other owner's."""
    form = _FORMS.get(chain, _UNKNOWN)
    return form.prefix + _letters(f"address {owner}", form.alphabet, form.length)


def txid_for(chain: str, name: str) -> str:
    """The id of a transaction, as explorers of the chain write it: 64 hex digits, with `0x` where Ethereum's form is
    used, and 88 letters of base 58 on Solana.
    """
    if chain == "solana":
        return _letters(f"transaction {name}", _BASE58, 88)
    return ("0x" if _FORMS.get(chain) is _EVM else "") + _letters(f"transaction {name}", _HEX, 64)


def memo_for(owner: str) -> str:
    """A number of nine digits, which every chain with memos takes."""
    return "1" + _letters(f"memo {owner}", "0123456789", 8)


def _letters(text: str, alphabet: str, count: int) -> str:
    """Sixteen bits for each letter, so that all are as good as equally likely."""
    drawn = shake_256(text.encode()).digest(2 * count)
    pairs = (int.from_bytes(drawn[at : at + 2], "big") for at in range(0, 2 * count, 2))
    return "".join(alphabet[one % len(alphabet)] for one in pairs)
