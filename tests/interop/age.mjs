// The npm package age-encryption with a key of keystead, and a key of its own for keystead. JSON in, JSON out; see cli/tests/age.rs.

import { readFileSync } from "node:fs";

import { Decrypter, Encrypter, generateHybridIdentity, identityToRecipient } from "age-encryption";

const { identity, recipient, message } = JSON.parse(readFileSync(0, "utf8"));

const encrypter = new Encrypter();
encrypter.addRecipient(recipient);
const file = await encrypter.encrypt(message);
const decrypter = new Decrypter();
decrypter.addIdentity(identity);
const decrypted = await decrypter.decrypt(file, "text");

const generated = await generateHybridIdentity();
process.stdout.write(
  JSON.stringify({
    recipient: await identityToRecipient(identity),
    decrypted,
    generated: { identity: generated, recipient: await identityToRecipient(generated) },
  }),
);
