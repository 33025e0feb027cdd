import { OperationHandlerSetup } from '@trayio/cdk-dsl/connector/operation/OperationHandlerSetup';
import { globalConfigHttp } from '../GlobalConfig';
import type { SluiceAuth } from '../SluiceAuth';
import type { FindPersonInput } from './input';
import type { FindPersonOutput } from './output';

export const findPersonHandler = OperationHandlerSetup.configureHandler<SluiceAuth, FindPersonInput, FindPersonOutput>((handler) =>
  handler.withGlobalConfiguration(globalConfigHttp).usingHttp((http) =>
    http
      .get('/v1/people')
      .handleRequest((ctx, input, request) => request.addQueryString('identity', input.identity).withoutBody())
      .handleResponse((ctx, input, response) => response.parseWithBodyAsJson()),
  ),
);
