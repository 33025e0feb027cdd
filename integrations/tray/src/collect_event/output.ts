export type CollectEventOutput = {
  accepted: number;
  duplicates: number;
  rejected: { index: number; reason: string }[];
  watermark: number;
};
