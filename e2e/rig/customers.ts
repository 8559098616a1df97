// Customers and keys for the load, made over HTTP as an operator and a customer would.
import { randomUUID } from "node:crypto";
import type { Journal, Sent, TestKey } from "./load";
import { ADMIN_TOKEN, type Node } from "./nodes";

export interface Customer {
  orgId: string;
  /** Of access "admin" unless it was asked for otherwise. */
  master: TestKey;
}

export const asOperator = { "X-Admin-Token": ADMIN_TOKEN };

/** An organization with limits that nothing here reaches, unless `input` says otherwise. */
export async function newCustomer(journal: Journal, node: Node, input: object = {}): Promise<Customer> {
  const enabled = await journal.send(node, "POST", "/api/access/enable", {
    headers: asOperator,
    json: {
      email: `${randomUUID()}@clients.example`,
      company: "Client",
      tier: "enterprise",
      rate_limit_rpm: 1_000_000,
      access: "admin",
      ...input,
    },
  });
  const secret: string = made(enabled).api_key;
  const me = await journal.send(node, "GET", "/v1/me", { key: { id: "", secret } });
  const { key, organization } = made(me);
  me.keyId = key.id;
  return { orgId: organization.id, master: { id: key.id, secret } };
}

export async function newKey(journal: Journal, node: Node, master: TestKey, input: object = {}): Promise<TestKey> {
  const { id, secret } = made(await createKey(journal, node, master, input));
  return { id, secret };
}

export const createKey = (journal: Journal, node: Node, master: TestKey, input: object = {}): Promise<Sent> =>
  journal.send(node, "POST", "/v1/api-keys", { key: master, json: { name: `Key ${randomUUID()}`, ...input } });

export const revokeKey = (journal: Journal, node: Node, master: TestKey, key: TestKey): Promise<Sent> =>
  journal.send(node, "DELETE", `/v1/api-keys/${key.id}`, { key: master });

export const use = (journal: Journal, node: Node, key: TestKey): Promise<Sent> => journal.send(node, "GET", "/v1/status", { key });

/** The body of an answer that must have been a good one. */
function made({ call, status, body, fault }: Sent) {
  if (status < 200 || status > 299) throw new Error(`${call} was to succeed: ${fault ?? `${status} ${JSON.stringify(body)}`}`);
  return body;
}
