import { OperationHandlerSetup } from '@trayio/cdk-dsl/connector/operation/OperationHandlerSetup';
import {
  OperationHandlerError,
  OperationHandlerResult,
  TriggerOperationHttpResponse,
} from '@trayio/cdk-dsl/connector/operation/OperationHandler';
import { globalConfigHttp } from '../GlobalConfig';
import type { SluiceAuth } from '../SluiceAuth';
import type { EventInput } from './input';
import type { EventOutput, Subscription } from './output';

export const webhookCreateHandler = OperationHandlerSetup.configureTriggerCreateHandler<SluiceAuth, EventInput, Subscription>((handler) =>
  handler.withGlobalConfiguration(globalConfigHttp).usingHttp((http) =>
    http
      .post('/v1/hooks')
      .handleRequest((ctx, input, request) =>
        request.withBodyAsJson({
          target_url: input.public_url,
          event: input.event,
          where: input.where ? JSON.parse(input.where) : null,
        }),
      )
      .handleResponse((ctx, input, response) => response.parseWithBodyAsJson()),
  ),
);

// By its address: what the subscription answered is not there any more. Whoever is not subscribed is told the same.
export const webhookDestroyHandler = OperationHandlerSetup.configureTriggerDestroyHandler<SluiceAuth, EventInput, object>((handler) =>
  handler.withGlobalConfiguration(globalConfigHttp).usingHttp((http) =>
    http
      .delete('/v1/hooks')
      .handleRequest((ctx, input, request) => request.addQueryString('target_url', input.public_url).withoutBody())
      .handleResponse((ctx, input, response) => response.parseWithBodyAsText(() => OperationHandlerResult.success({}))),
  ),
);

export const webhookRequestHandler = OperationHandlerSetup.configureTriggerRequestHandler<SluiceAuth, EventInput, EventOutput>((handler) =>
  handler.usingComposite(async (ctx, { request }) => {
    if (request.hasLargeBody) {
      return OperationHandlerResult.failure(
        OperationHandlerError.skipTriggerError('the message is too large', TriggerOperationHttpResponse.withStatusCode(200)),
      );
    }
    const message = JSON.parse(Buffer.from(request.body, 'base64').toString('utf-8'));
    return OperationHandlerResult.success({ output: message, response: TriggerOperationHttpResponse.withStatusCode(200) });
  }),
);
