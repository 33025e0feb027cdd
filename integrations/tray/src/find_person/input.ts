export type FindPersonInput = {
  /**
   * @title Identity
   * @description An e-mail address, an id: whatever was collected as one
   */
  identity: string;
};
