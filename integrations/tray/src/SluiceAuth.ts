/** What a user gives once: the server's address, and a secret key with webhooks:write, events:read, people:read and collect. */
export type SluiceAuth = {
  server: string;
  key: string;
};
