import { listAudit } from "@/lib/audit/audit";
import { AuditFilter, AuditList } from "@/lib/audit/schema";
import { endpoint } from "@/lib/endpoint";

export const auditEndpoints = [
  endpoint(
    "GET /v1/audit-logs",
    { tag: "Audit", summary: "Who did what, newest first", permission: "audit.read", query: AuditFilter, returns: AuditList },
    (actor, { query }) => listAudit(actor, query),
  ),
];
