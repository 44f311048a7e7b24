#!/usr/bin/env python3
"""An independent reader of keystead objects, written from SPEC.md and the standards that it names, without the library.

    python3 tests/reference.py FILE...                                            check vector files (tests/vectors/README.md)
    python3 tests/reference.py --open OBJECT [--key TEXT]... [--passphrase P]     plaintext to stdout; context etc. UNCHECKED

Needs Python 3.11 and PyPI `cryptography` 50. Releases as a stream (R32). To compare with, not to use: wipes nothing, hides no timing.
"""
import argparse, base64, hashlib, hmac, pathlib, re, sys, types
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, aead, algorithms, modes
from cryptography.hazmat.primitives.kdf import argon2, hkdf

MAGIC, VERSION_SUITE = b"\x8bKST\n", b"\x01\x01"                                # R4, R5
SYMMETRIC, PAIR, PASSPHRASE = 1, 2, 3                                           # R21
KIND = {SYMMETRIC: "symmetric", PAIR: "pair", PASSPHRASE: "passphrase"}
PARAMETERS = {SYMMETRIC: 0, PAIR: 1120 + 48, PASSPHRASE: 16 + 12}               # R22: their lengths
ANONYMOUS = bytes(16)                                                           # R23
class Refused(Exception): pass                                                  # R52: args are the class and the reason
def check(good, error, why):
    if not good: raise Refused(error, why)
def check_range(value, low, high, what):
    check(value >= low, "FORMAT", f"too few {what}")
    check(value <= high, "LIMIT", f"too many {what}")
def attempt(error, function, *args):
    try: return function(*args)
    except (InvalidTag, ValueError):                                            # ValueError: also of UTF-8 and Base64
        raise Refused(error, "does not open" if error == "AUTH" else "malformed") from None

# ---- Section 1: primitives
L = lambda label: b"keystead/v1/" + label + b"\0"                               # R3
sha256 = lambda message: hashlib.sha256(message).digest()
expand = lambda prk, info, n: hkdf.HKDFExpand(hashes.SHA512(), n, info).derive(prk)
gcm_open = lambda key, nonce, aad, sealed: attempt("AUTH", aead.AESGCM(key).decrypt, nonce, sealed, aad)
def xaes_open(key, nonce, aad, sealed):                                         # c2sp.org/XAES-256-GCM
    aes = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update
    l = int.from_bytes(aes(bytes(16)))
    k1 = l << 1 if l < 2**127 else (l << 1) % 2**128 ^ 0b10000111
    m1, m2 = (int.from_bytes(b"\0" + counter + b"X\0" + nonce[:12]) for counter in (b"\1", b"\2"))
    return gcm_open(aes((m1 ^ k1).to_bytes(16)) + aes((m2 ^ k1).to_bytes(16)), nonce[12:], aad, sealed)
def expand_seed(seed):                                                          # a private key of MLKEM768-X25519
    long = hashlib.shake_256(seed).digest(96)
    return mlkem.MLKEM768PrivateKey.from_seed_bytes(long[:64]), x25519.X25519PrivateKey.from_private_bytes(long[64:])
def hpke_open(seed, info, enc, sealed):
    suite = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
    check_share(enc[1088:], "AUTH")
    return attempt("AUTH", suite.decrypt, enc + sealed, hpke.MLKEM768X25519PrivateKey(*expand_seed(seed)), info)
def check_share(share, error):                                                  # R28: a bad share; R42: a bad public key
    check(int.from_bytes(share, "little") < 2**255 - 19, error, "does not open")
    attempt(error, x25519.X25519PrivateKey.generate().exchange, x25519.X25519PublicKey.from_public_bytes(share))   # all zero

# ---- Sections 2 to 4: parse the header, without a key
class Cursor:                                                                   # R53: from the first byte to the last
    def __init__(self, data): self.data, self.at = data, 0
    def take(self, n):
        check(self.at + n <= len(self.data), "FORMAT", "ends too early")
        self.at += n
        return self.data[self.at - n:self.at]
    def uint(self, size): return int.from_bytes(self.take(size))
    def sized(self, least, what):                                               # R11, R14
        length = self.uint(2)
        check_range(length, least, 16384, what)
        return self.take(length)
def parse_pairs(data, values_are_text):                                         # R11, R12, R14
    cursor, pairs = Cursor(data), []
    while not pairs or cursor.at < len(data):
        check(len(pairs) < 64, "LIMIT", "more than 64 pairs")
        name_length, value_length = cursor.uint(1), cursor.uint(2)
        name, value = cursor.take(name_length), cursor.take(value_length)
        check(attempt("FORMAT", name.decode), "FORMAT", "an empty name")
        check(not pairs or pairs[-1][0] < name, "FORMAT", "names do not ascend")
        pairs.append((name, value))
        if values_are_text: attempt("FORMAT", value.decode)
    return pairs
def parse_header(data):
    check(data[:5] == MAGIC, "FORMAT", "not an object, or damaged as text")     # R4
    check(data[5:7] == VERSION_SUITE, "FORMAT", "a newer version or suite")     # R5
    length = 8 * int.from_bytes(data[7:9])                                      # R6
    check_range(length, 9 + 32, 65536, "header bytes")
    check(len(data) >= length, "FORMAT", "a cut header")
    h, cursor = types.SimpleNamespace(raw=data[:length], tag=data[length - 32:length]), Cursor(data[9:length - 32])
    parse_statement(h, cursor)
    parse_access_list(h, cursor)
    return h
def parse_statement(h, cursor):
    h.object_id, flags = cursor.take(16), cursor.uint(1)
    check(flags < 8, "FORMAT", "an unknown flag of the statement")              # R9
    h.plaintext_length = cursor.uint(8) if flags & 1 else None
    check_range(h.plaintext_length or 0, 0, 2**52 - 1, "bytes of plaintext")    # R10
    h.context = parse_pairs(cursor.sized(1, "bytes of context"), values_are_text=True) if flags & 2 else []
    h.public_statement = cursor.data[:cursor.at]                                # R15
    h.metadata = cursor.sized(20, "bytes of metadata") if flags & 4 else None
    h.statement_hash = sha256(MAGIC + VERSION_SUITE + cursor.data[:cursor.at])  # R17
def parse_access_list(h, cursor):
    h.generation, flags = cursor.uint(8), cursor.uint(1)
    check(flags < 2, "FORMAT", "an unknown flag of the access list")            # R19
    h.location = cursor.take(32) if flags & 1 else None
    count = cursor.uint(1)
    check_range(count, 1, 20, "records")                                        # R20
    h.records = [parse_record(cursor) for _ in range(count)]
    named = [(r.kind, r.key_id) for r in h.records if r.kind == PASSPHRASE or r.kind in KIND and r.key_id != ANONYMOUS]
    check(not any(cursor.data[cursor.at:]), "FORMAT", "padding is not zero")    # R23
    check(len({r.raw for r in h.records}) == count, "FORMAT", "two identical records")
    check(len(set(named)) == len(named), "FORMAT", "two records for one key, or two passphrase records")
def parse_record(cursor):
    start, kind = cursor.at, cursor.uint(1)
    check(kind > 0, "FORMAT", "a record of kind 0")                             # R21
    payload = Cursor(cursor.take(cursor.uint(2)))
    r = types.SimpleNamespace(kind=kind, raw=cursor.data[start:cursor.at])
    if kind not in KIND: return r                                               # R21: an unknown way in, whatever it holds
    label_length = len(payload.data) - 16 - PARAMETERS[kind] - 24 - 48
    check(0 <= label_length <= 64, "FORMAT", "a record of a wrong length")      # R22
    r.key_id, r.parameters = payload.take(16), payload.take(PARAMETERS[kind])
    if kind == PASSPHRASE:
        check(r.key_id == ANONYMOUS, "FORMAT", "a passphrase record with a key id")              # R22
        r.m, r.t, r.p = (int.from_bytes(r.parameters[i:i + 4]) for i in (16, 20, 24))
        for cost, floor in (r.m, 19456), (r.t, 2), (r.p, 1):                    # R29, one after the other (R53)
            check(cost > 0, "LIMIT", "an Argon2id cost of 0")
            check(cost >= floor, "FORMAT", "an Argon2id cost below the floor")
    r.nonce, r.wrapped = payload.take(24), payload.take(48)
    attempt("FORMAT", payload.take(label_length).decode)
    return r

# ---- Sections 5 and 7: unwrap
def unwrap(h, keys, passphrase):                                                # R36; gives kind and id of the key (R39), data key
    held = [(r, key) for r in h.records for key in distinct(keys) if key.kind == r.kind and key.secret]
    for r, key in held:                                                         # step 1
        if r.key_id == key.key_id: return (r.kind, key.key_id), unwrap_record(h, r, key.secret)
    attempts = [(r, key.key_id, key.secret) for r, key in held if r.key_id == ANONYMOUS]         # step 2
    check(len(attempts) <= 1024, "LIMIT", "too many anonymous records and keys")
    attempts += [(r, bytes(16), passphrase) for r in h.records if r.kind == PASSPHRASE and passphrase is not None]   # step 3
    for r, key_id, secret in attempts:
        try: return (r.kind, key_id), unwrap_record(h, r, secret)
        except Refused as refused: check(refused.args[0] == "AUTH", *refused.args)   # goes on, but not after a LIMIT
    raise Refused("NOKEY", "no record for these keys")                          # step 4
def unwrap_record(h, r, secret):
    if r.kind == SYMMETRIC:                                                     # R27
        wrapping_key = expand(secret, L(b"wrap"), 32)
    elif r.kind == PAIR:                                                        # R28
        wrapping_key = hpke_open(secret, b"keystead/v1/pair", r.parameters[:1120], r.parameters[1120:])
    else:                                                                       # R29
        check(r.m <= 1048576 and r.t <= 10 and r.p <= 8 and r.m * r.t <= 4194304, "LIMIT", "Argon2id above the ceiling")
        wrapping_key = argon2.Argon2id(salt=r.parameters[:16], length=32, iterations=r.t, lanes=r.p, memory_cost=r.m).derive(secret)
    binding = sha256(L(b"binding") + VERSION_SUITE + h.object_id + h.statement_hash + bytes([r.kind]) + r.key_id + sha256(r.parameters)) # R26
    data_key = xaes_open(wrapping_key, r.nonce, binding, r.wrapped)             # R25
    check(hmac.compare_digest(expand(data_key, L(b"header") + sha256(h.raw[:-32]), 32), h.tag), "AUTH", "does not open") # R24
    return data_key

# ---- Sections 6 and 7: open
def open_object(data, keys, passphrase, release, floor=None, **expected):        # R35
    check(passphrase is None or 1 <= len(passphrase) <= 4096, "USAGE", "a passphrase has 1 to 4,096 bytes")            # R29
    h = parse_header(data)
    h.opened_by, h.data_key = unwrap(h, keys, passphrase)
    compare_expected(h, **expected)
    derive_body_key(h, data[len(h.raw):])
    if floor: compare_floor(h, *floor)
    open_metadata(h)
    open_chunks(h, data[len(h.raw) + 56:], release)
    return h
def compare_expected(h, location=None, context="unchecked", pairs=()):
    if location:                                                                # R19: store name, path
        here = expand(h.data_key, L(b"location") + location[0] + b"\0" + location[1], 32)
        check(h.location is not None and hmac.compare_digest(here, h.location), "CONTEXT", "another location")
    check(context != "exact" or h.context == sorted(pairs), "CONTEXT", "another context")        # R37
    check(context != "includes" or set(pairs) <= set(h.context), "CONTEXT", "another context")
def derive_body_key(h, body):                                                   # R30
    check(len(body) >= 56, "AUTH", "cut")                                       # R32
    salt, h.commitment = body[:24], body[24:56]
    derived = expand(h.data_key, b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0" + salt + h.statement_hash, 76)
    h.body_key, h.base_nonce = derived[:32], int.from_bytes(derived[32:44])
    check(hmac.compare_digest(derived[44:], h.commitment), "AUTH", "does not open")
def compare_floor(h, commitment, generation, tag):                              # R38
    check(hmac.compare_digest(commitment, h.commitment), "ROLLBACK", "another body than the floor's")
    check(h.generation >= generation, "ROLLBACK", "below the floor")
    check(h.generation > generation or hmac.compare_digest(tag, h.tag), "ROLLBACK", "another header than the floor's")
    check(h.generation <= generation + 2**20, "AUTH", "too far above the floor")
def open_metadata(h):                                                           # R16
    key, aad = expand(h.data_key, L(b"metadata"), 32), MAGIC + VERSION_SUITE + h.public_statement
    h.pairs = [] if h.metadata is None else parse_pairs(gcm_open(key, bytes(12), aad, h.metadata), values_are_text=False)
def open_chunks(h, chunks, release):
    for i in range(len(chunks) // 16400 + 1):
        check(i < 2**38, "LIMIT", "too many chunks")                            # R31
        sealed = chunks[16400 * i:16400 * (i + 1)]
        check(len(sealed) >= 16, "AUTH", "cut")                                 # R32
        if h.plaintext_length is not None:                                      # R32: the first chunk that cannot agree fails
            check(len(sealed) == min(h.plaintext_length - 16384 * i, 16384) + 16, "AUTH", "another length")
        release(gcm_open(h.body_key, (h.base_nonce ^ i).to_bytes(12), b"", sealed))

# ---- Section 8: key texts, key files, armor
def bech32(string):                                                             # R43, BIP 173; gives the prefix and the bytes
    alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    prefix, _, data = string.lower().rpartition("1")
    check(string in (string.lower(), string.upper()) and string.isascii() and set(data) <= set(alphabet), "KEYFILE", "not Bech32")
    values, checksum = [alphabet.index(c) for c in data], 1
    for value in [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix] + values:
        top, checksum = checksum >> 25, (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            checksum ^= generator * (top >> bit & 1)
    check(len(values) >= 6 and checksum == 1, "KEYFILE", "a wrong checksum")
    bits = "".join(f"{value:05b}" for value in values[:-6])
    whole = len(bits) - len(bits) % 8
    check(len(bits) - whole < 5 and "1" not in bits[whole:], "KEYFILE", "wrong padding bits")
    return string[:len(prefix)], bytes(int(bits[i:i + 8], 2) for i in range(0, whole, 8))
def parse_key(line):                                                            # R42, R43
    prefix, data = bech32(line)
    kind, size = {"KEYSTEAD-SYMMETRIC-KEY-": (SYMMETRIC, 32), "AGE-SECRET-KEY-PQ-": (PAIR, 32),
                  "age1pq": (PAIR, 1216)}.get(prefix, (0, -1))
    check(len(data) == size and (size > 32 or len(set(data)) > 1), "KEYFILE", "not a key, or one of equal bytes")
    if kind == SYMMETRIC:
        key_id = expand(data, L(b"key-id"), 16)                                 # R40
    else:
        public = data if size == 1216 else b"".join(half.public_key().public_bytes_raw() for half in expand_seed(data))
        attempt("KEYFILE", mlkem.MLKEM768PublicKey.from_public_bytes, public[:1184])  # does the modulus check
        check_share(public[1184:], "KEYFILE")
        key_id = sha256(L(b"public-key-id") + bytes([PAIR]) + public)[:16]      # R41
    check(key_id != ANONYMOUS, "KEYFILE", "a key whose id is zero")
    return types.SimpleNamespace(kind=kind, key_id=key_id, secret=data if size == 32 else None)        # a public key opens nothing
def distinct(keys):                                                             # R44: a private key and its public half are one
    return list({(key.kind, key.key_id): key for key in keys + [key for key in keys if key.secret]}.values())
def parse_key_file(data, passphrase):                                           # R44
    check(len(data) <= 2**20, "LIMIT", "key file too long")                     # and so the plaintext of an encrypted one is not
    if data[:1] == MAGIC[:1] or data.lstrip(b" \t\r\n").startswith(b"-----BEGIN "):
        data, chunks = binary(data), []                                         # an encrypted one
        kinds, context = [r.kind for r in parse_header(data).records], parse_header(data).context
        check((kinds, context) == ([PASSPHRASE], [(b"keystead.type", b"key-file")]), "KEYFILE", "not an encrypted key file")
        open_object(data, [], passphrase, chunks.append)
        data = b"".join(chunks)
    content = attempt("KEYFILE", data.decode)
    check("\0" not in content and content[:1] != "\ufeff", "KEYFILE", "a NUL or a byte order mark")
    lines = [line for line in re.split("\r?\n", content) if line and line[0] != "#"]
    keys = [parse_key(line) for line in lines[:1000]]
    check_range(len(lines), 0, 1000, "keys")
    check(keys, "KEYFILE", "no key")
    return distinct(keys)
def binary(data):                                                               # R45: takes the armor off
    if data[:1] == MAGIC[:1]: return data
    found = re.fullmatch(rb"[ \t\r\n]{0,1024}-----BEGIN KEYSTEAD OBJECT-----(\r?\n)((?:[A-Za-z0-9+/=]{64}\1)*"
                         rb"[A-Za-z0-9+/=]{4,64}\1)-----END KEYSTEAD OBJECT-----[ \t\r\n]{0,1024}", data)
    check(found, "FORMAT", "not armor")
    digits = found[2].replace(found[1], b"")
    decoded = attempt("FORMAT", base64.b64decode, digits, None, True)
    check(base64.b64encode(decoded) == digits, "FORMAT", "not canonical Base64")
    return decoded

# ---- Vectors
GIVEN = ["comment", "rule", "input", "key", "passphrase", "context", "pair", "location", "floor"]
OUTCOME = ["expect", "released", "sha256", "opened-by", "metadata", "data-key", "statement-hash", "key-id"]
def read_vector(path):
    head, _, body = pathlib.Path(path).read_bytes().decode().partition("\n\n")
    fields = {name: [] for name in GIVEN + OUTCOME}
    for name, _, value in (line.partition(":") for line in head.split("\n")):
        fields[name].append(value.removeprefix(" "))
    return fields, base64.b64decode(body.replace("\n", ""), validate=True)
def run_vector(fields, data):                                                   # what this reader does, as fields
    outcome, released = {name: [] for name in OUTCOME}, []
    passphrase = fields["passphrase"][0].encode() if fields["passphrase"] else None
    from_hex = lambda value, mark: tuple(map(bytes.fromhex, value.split(mark)))
    expected = {"pairs": [from_hex(value, "=") for value in fields["pair"]]}
    expected |= {"context": value for value in fields["context"]}
    expected |= {"location": from_hex(value, " ") for value in fields["location"]}
    expected |= {"floor": (bytes.fromhex(c), int(g), bytes.fromhex(t)) for c, g, t in map(str.split, fields["floor"])}
    try:
        if fields["input"] == ["keyfile"]:
            outcome["key-id"] = [f"{KIND[key.kind]} {key.key_id.hex()}" for key in parse_key_file(data, passphrase)]
        else:
            keys = [parse_key(line) for line in fields["key"]]
            data = binary(data) if fields["input"] == ["armor"] else data
            h = open_object(data, keys, passphrase, released.append, **expected)
            kind, key_id = h.opened_by                                          # R39
            outcome |= {"opened-by": [f"{KIND[kind]} {key_id.hex()} {'anyone' if kind == PAIR else 'held'}"],
                        "data-key": [h.data_key.hex()], "statement-hash": [h.statement_hash.hex()],
                        "metadata": [f"{name.hex()}={value.hex()}" for name, value in h.pairs]}
        outcome["expect"] = ["success"]
    except Refused as refused:
        outcome["expect"] = [refused.args[0]]
    if fields["input"] != ["keyfile"]:
        outcome |= {"released": [str(sum(map(len, released)))], "sha256": [sha256(b"".join(released)).hex()]}
    return fields, outcome
def check_vectors(paths):
    failed = 0
    for path in paths:
        fields, outcome = run_vector(*read_vector(path))
        wrong = [name for name in OUTCOME if fields[name] != outcome[name]]
        failed += bool(wrong)
        for name in wrong: print(f"{path}: {name}: the file says {fields[name]}, this reader {outcome[name]}")
    print(f"{len(paths) - failed} passed, {failed} failed")
    return failed > 0

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", metavar="FILE")
    parser.add_argument("--open", metavar="OBJECT", type=pathlib.Path)
    parser.add_argument("--key", action="append", default=[])
    parser.add_argument("--passphrase", type=str.encode)
    args = parser.parse_args()
    if not args.open: sys.exit(check_vectors(args.files))
    try: open_object(binary(args.open.read_bytes()), list(map(parse_key, args.key)), args.passphrase, sys.stdout.buffer.write)
    except Refused as refused: sys.exit(": ".join(refused.args))
