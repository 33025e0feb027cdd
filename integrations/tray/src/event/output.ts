export type EventOutput = {
  id: string;
  type: string;
  timestamp: string;
  data: { [name: string]: unknown };
};

/** What the server answers to a subscription; the secret signs what is sent, and is shown here alone. */
export type Subscription = { id: string; secret: string };
