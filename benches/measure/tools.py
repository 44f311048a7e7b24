"""The programs compared: how each is set up and called. A tool that is not installed is named, with how to get it."""
import os
import pathlib
import re
import shlex
import shutil
import subprocess

INSTALL = {
    "age": "apt-get install age, or https://github.com/FiloSottile/age/releases",
    "rage": "cargo install --locked rage",
    "gpg": "apt-get install gnupg",
    "openssl": "apt-get install openssl",
    "rclone": "apt-get install rclone",
}


class Tool:
    """A program found on this machine; STATE is a folder for its keys."""

    name, version_arguments, note, single = "", ["--version"], "", True

    def __init__(self, program, state, environment):
        self.program, self.state, self.environment = program, state, environment
        self.set_up()

    def set_up(self):
        pass

    def must(self, *argv):
        done = subprocess.run([self.program, *argv], env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"set-up failed: {self.program} {' '.join(argv)}: {done.stderr}")
        return done.stdout

    def version(self):
        text = self.must(*self.version_arguments).strip().splitlines()[0]
        return text if any(c.isalpha() and c != "v" for c in text) else f"{self.name} {text}"

    def encrypt_tree(self, source, output):
        """Through tar, for who takes one stream; one object, not 10,000."""
        into = shlex.join(self.encrypt("-", output))
        return ["/bin/sh", "-c", f"tar -C {shlex.quote(str(source))} -cf - . | {into}"]

    def decrypt_tree(self, source, output):
        outof = shlex.join(self.decrypt(source, "-"))
        output = shlex.quote(str(output))
        return ["/bin/sh", "-c", f"mkdir {output} && {outof} | tar -C {output} -xf -"]


class Copy(Tool):
    name = "cp"

    def encrypt(self, source, output):
        return [self.program, str(source), str(output)]

    decrypt = encrypt

    def durable(self, source, output):
        return ["/bin/sh", "-c", shlex.join(["cp", str(source), str(output)]) + " && " +
                shlex.join(["sync", str(output)])]

    def encrypt_tree(self, source, output):
        return [self.program, "-r", "-T", str(source), str(output)]

    decrypt_tree = encrypt_tree

    def durable_tree(self, source, output):
        return ["/bin/sh", "-c", shlex.join(["cp", "-r", "-T", str(source), str(output)]) + " && " +
                shlex.join(["sync", "-f", str(output)])]


class Keystead(Tool):
    name, note = "keystead", "a public key, MLKEM768-X25519 and AES-256-GCM"

    def set_up(self):
        self.key = str(self.state / "key")
        self.must("keygen", "-q", "-o", self.key)

    def encrypt(self, source, output, threads=None, sync=False):
        return self.call("encrypt", source, output, self.key + ".pub", threads, sync)

    def decrypt(self, source, output, threads=None, sync=False):
        return self.call("decrypt", source, output, self.key, threads, sync)

    def call(self, verb, source, output, key, threads, sync, more=()):
        threads = ["--threads", str(threads)] if threads else []
        sync = [] if sync else ["--no-sync"]
        return [self.program, verb, "-q", *more, *threads, *sync, "-k", key, "-o", str(output), str(source)]

    def encrypt_tree(self, source, output, threads=None, sync=False):
        return self.call("encrypt", source, output, self.key + ".pub", threads, sync, ["-r"])

    def decrypt_tree(self, source, output, threads=None, sync=False):
        return self.call("decrypt", source, output, self.key, threads, sync, ["-r"])


class Age(Tool):
    name, note = "age", "a public key, X25519 and ChaCha20-Poly1305"

    def set_up(self):
        self.key = str(self.state / f"{self.name}.key")
        keygen = str(pathlib.Path(self.program).with_name(f"{self.name}-keygen"))
        keygen = keygen if os.access(keygen, os.X_OK) else f"{self.name}-keygen"
        subprocess.run([keygen, "-o", self.key], check=True, capture_output=True)
        self.recipient = re.search(r"public key: (\S+)", pathlib.Path(self.key).read_text())[1]

    def encrypt(self, source, output):
        source = [] if source == "-" else [str(source)]
        return [self.program, "-r", self.recipient, "-o", str(output), *source]

    def decrypt(self, source, output):
        return [self.program, "-d", "-i", self.key, "-o", str(output), str(source)]


class Rage(Age):
    name = "rage"


class Gpg(Tool):
    name, note = "gpg", "a public key, cv25519 and AES-256 in CFB with MDC; no compression"

    def set_up(self):
        home = pathlib.Path(self.environment["GNUPGHOME"])
        home.mkdir(mode=0o700)
        self.must("--batch", "--quiet", "--passphrase", "", "--quick-gen-key", "compare", "future-default", "default",
                  "never")

    def encrypt(self, source, output):
        return [self.program, "--batch", "--quiet", "--trust-model", "always", "--compress-algo", "none",
                "-r", "compare", "-o", str(output), "-e", str(source)]

    def decrypt(self, source, output):
        return [self.program, "--batch", "--quiet", "-o", str(output), "-d", str(source)]

    def stop(self):
        subprocess.run(["gpgconf", "--kill", "all"], env=self.environment, check=False)


class Openssl(Tool):
    name, note, version_arguments = "openssl", "a passphrase, AES-256-CTR: UNAUTHENTICATED, a changed byte decrypts", ["version"]

    def set_up(self):
        self.secret = self.state / "openssl.pass"
        self.secret.write_text("correct horse battery staple\n")

    def call(self, direction, source, output):
        return [self.program, "enc", direction, "-aes-256-ctr", "-pbkdf2", "-pass", f"file:{self.secret}",
                "-in", str(source), "-out", str(output)]

    def encrypt(self, source, output):
        return self.call("-e", source, output)

    def decrypt(self, source, output):
        return self.call("-d", source, output)


class Rclone(Tool):
    """A crypt remote over the local disk; names stay as they are, with `.bin` behind them."""

    name, note, version_arguments = "rclone", "crypt remote, a passphrase, XSalsa20-Poly1305; names left alone", ["version"]

    def set_up(self):
        self.config = self.state / "rclone.conf"
        secret = self.must("obscure", "correct horse battery staple").strip()
        self.config.write_text(f"[crypt]\ntype = crypt\nremote = /\nfilename_encryption = off\n"
                               f"directory_name_encryption = false\npassword = {secret}\n")

    def call(self, verb, source, output):
        return [self.program, "--config", str(self.config), verb, str(source), str(output)]

    def encrypt(self, source, output):
        return self.call("copyto", source, f"crypt:{output}")

    def decrypt(self, source, output):
        return self.call("copyto", f"crypt:{source}", output)

    def encrypt_tree(self, source, output):
        return self.call("copy", source, f"crypt:{output}")

    def decrypt_tree(self, source, output):
        return self.call("copy", f"crypt:{source}", output)

    @staticmethod
    def stored(output):
        return output.with_name(output.name + ".bin")


RIVALS = {tool.name: tool for tool in (Age, Rage, Gpg, Openssl, Rclone)}


class Bench:
    """All tools of this machine, their keys in STATE."""

    def __init__(self, keystead, programs, state):
        self.state = state
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(state), "LC_ALL": "C",
                            "GNUPGHOME": str(state / "gnupg")}
        self.keystead = Keystead(keystead, state, self.environment)
        self.cp = Copy(shutil.which("cp"), state, self.environment)
        self.rivals, self.absent = {}, {}
        for name, kind in RIVALS.items():
            program = programs.get(name) or shutil.which(name)
            if program:
                self.rivals[name] = kind(program, state, self.environment)
            else:
                self.absent[name] = INSTALL[name]

    def described(self):
        tools = [self.keystead, self.cp, *self.rivals.values()]
        present = [{"name": t.name, "version": t.version(), "note": t.note} for t in tools]
        return present + [{"name": name, "absent": hint} for name, hint in self.absent.items()]

    def stop(self):
        if "gpg" in self.rivals:
            self.rivals["gpg"].stop()
