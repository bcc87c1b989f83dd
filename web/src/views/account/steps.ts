/** The steps of the account sheet. */
export type Step = "you" | "keep" | "login" | "password" | "invite" | "leave";

/** The server takes no shorter password. */
export const LEAST_PASSWORD = 8;
