import { Key, Wrench, Zap } from "lucide-react";
import { Avatar } from "@/components/ui/avatar";
import { actions } from "@/lib/audit/actions";
import type { AuditEvent } from "@/lib/audit/schema";

/** "Maya generated Invoice intake". An event about oneself does not name its target again. */
export function Sentence({ event }: { event: AuditEvent }) {
  const words = event.action in actions ? actions[event.action as keyof typeof actions].words : event.action;
  const self = event.target.id !== null && event.target.id === event.actor.id;
  const target = /^joined/.test(words)
    ? roleOf(event.after)
    : self || /^created the (organization|account)/.test(words)
      ? null
      : event.target.name;
  return (
    <>
      <bdi className="font-strong">{actorName(event)}</bdi> <span className="text-fg-2">{self ? words.replace(/ of$/, "") : words}</span>
      {target && (
        <>
          {" "}
          <bdi className="font-strong">{target}</bdi>
        </>
      )}
    </>
  );
}

export function actorName(event: AuditEvent): string {
  return event.actor.type === "anonymous" ? "Somebody" : event.actor.name;
}

export function ActorAvatar({ event }: { event: AuditEvent }) {
  switch (event.actor.type) {
    case "key":
      return <Avatar name={event.actor.name} icon={<Key />} />;
    case "operator":
      return <Avatar name="Operator" icon={<Wrench />} />;
    case "system":
      return <Avatar name="System" icon={<Zap />} />;
    case "anonymous":
      return <Avatar name="?" />;
    default:
      return <Avatar name={event.actor.name} />;
  }
}

function roleOf(after: unknown): string | null {
  return typeof after === "object" && after !== null && "role" in after ? String(after.role) : null;
}
