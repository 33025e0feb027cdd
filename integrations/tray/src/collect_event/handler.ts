import { OperationHandlerSetup } from '@trayio/cdk-dsl/connector/operation/OperationHandlerSetup';
import { globalConfigHttp } from '../GlobalConfig';
import type { SluiceAuth } from '../SluiceAuth';
import type { CollectEventInput } from './input';
import type { CollectEventOutput } from './output';

export const collectEventHandler = OperationHandlerSetup.configureHandler<SluiceAuth, CollectEventInput, CollectEventOutput>((handler) =>
  handler.withGlobalConfiguration(globalConfigHttp).usingHttp((http) =>
    http
      .post('/v1/events')
      .handleRequest((ctx, input, request) => request.withBodyAsJson({ events: [input] }))
      .handleResponse((ctx, input, response) => response.parseWithBodyAsJson()),
  ),
);
