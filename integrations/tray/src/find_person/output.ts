export type FindPersonOutput = {
  id: string;
  identities: string[];
  properties: { [name: string]: unknown };
  first_seen: string;
  last_seen: string;
  events_total: number;
};
