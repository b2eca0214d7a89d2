// Verifies what a receiver got with the npm client; prints how many of the lines of a file hold.
import { readFile } from "node:fs/promises";
import { validateWebhook } from "replicate";

const [file, secret] = process.argv.slice(2);
let valid = 0;
for (const line of (await readFile(file, "utf8")).trim().split("\n")) {
  const { headers, body } = JSON.parse(line);
  const given = {
    id: headers["webhook-id"],
    timestamp: headers["webhook-timestamp"],
    signature: headers["webhook-signature"],
    body,
    secret,
  };
  if (await validateWebhook(given)) valid += 1;
}
console.log(valid);
