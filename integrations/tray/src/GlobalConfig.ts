import { OperationGlobalConfigHttp } from '@trayio/cdk-dsl/connector/operation/OperationGlobalConfig';
import type { SluiceAuth } from './SluiceAuth';

export const globalConfigHttp = OperationGlobalConfigHttp.create<SluiceAuth>()
  .withBaseUrl((ctx) => ctx.auth!.user.server)
  .withBearerToken((ctx) => ctx.auth!.user.key);
