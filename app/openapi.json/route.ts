import { mounted } from "@/lib/http/next";

export const dynamic = "force-dynamic";
export const GET = mounted;
