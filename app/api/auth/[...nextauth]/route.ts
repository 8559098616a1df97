import { authHandler } from "@/lib/auth/session";

export const dynamic = "force-dynamic";
export { authHandler as GET, authHandler as POST };
