import { mounted } from "@/lib/http/next";

export const dynamic = "force-dynamic";
export const GET = mounted;
export const POST = mounted;
export const PATCH = mounted;
export const DELETE = mounted;
export const PUT = mounted;
export const HEAD = mounted;
export const OPTIONS = mounted;
