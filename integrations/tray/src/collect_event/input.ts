export type CollectEventInput = {
  /** @title Identity */
  identity: string;
  /** @title Event */
  event: string;
  /**
   * @title Id
   * @description The same id is collected once, so that a workflow that runs again collects nothing twice
   */
  id: string;
  /**
   * @title When
   * @description Now if not said
   */
  timestamp?: string;
  /** @title Properties */
  properties?: { [name: string]: unknown };
};
