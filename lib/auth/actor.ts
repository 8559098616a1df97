import "server-only";
import { type Actor, DEPLOYMENT, type Origin, type Role } from "@/lib/access/permissions";
import type { Session } from "@/lib/auth/session";
import { db } from "@/lib/db";
import { notFound } from "@/lib/errors";
import { orgIdFrom } from "@/lib/ids";
import type { KeySnapshot } from "@/lib/keys/verify";

/** Callers become actors here: a cookie, a key, the operator's token, or nobody. */

export function anonymousActor(request: Origin): Actor {
  return {
    type: "anonymous",
    id: null,
    name: "Somebody",
    role: null,
    orgId: DEPLOYMENT,
    groupId: null,
    environment: null,
    secretId: null,
    request,
  };
}

export function operatorActor(request: Origin): Actor {
  return { ...anonymousActor(request), type: "operator", name: "Operator" };
}

export function keyActor(key: KeySnapshot, request: Origin): Actor {
  return {
    type: "key",
    id: key.keyId,
    name: key.name,
    role: key.access,
    orgId: key.orgId,
    groupId: key.groupId,
    environment: key.environment,
    secretId: key.secretId,
    request,
  };
}

/** A signed-in person outside any organization. */
export function personActor(user: Session["user"], request: Origin): Actor {
  return { ...anonymousActor(request), type: "user", id: user.id, name: user.name };
}

/** A signed-in person in the organization called by id (also `cli_…`) or slug. Throws not_found for one they are not a member of. */
export async function memberActor(user: Session["user"], org: string, request: Origin): Promise<Actor> {
  const id = orgIdFrom(org);
  const member = await db.member.findFirst({
    where: { userId: user.id, OR: [{ orgId: id }, { org: { slug: org } }] },
    select: { orgId: true, role: true },
  });
  if (member === null) throw notFound();
  return { ...personActor(user, request), orgId: member.orgId, role: member.role as Role };
}
