export type EventInput = {
  /**
   * @title Event
   * @description The name of the event; * for all of them, trigger.fired for what triggers send, person.identified for new people
   */
  event: string;
  /**
   * @title Condition
   * @description As JSON, for some of these events alone: {"property": "amount", "gt": 100}
   */
  where?: string;
  /**
   * @title Address
   * @description Where the workflow listens; Tray gives it
   */
  public_url: string;
};
