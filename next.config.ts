import type { NextConfig } from "next";

const config: NextConfig = {
  poweredByHeader: false,
  reactStrictMode: true,
  compress: true, // server.ts says of what not
  serverExternalPackages: ["@node-rs/argon2", "@prisma/client", "@prisma/adapter-pg", "pg", "nodemailer", "maxmind"],
  devIndicators: false,
  // `npm test` checks the types of everything; a start on somebody's machine need not.
  typescript: { ignoreBuildErrors: true },
};

export default config;
