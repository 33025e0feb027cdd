import ArgumentParser

struct WebhooksCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "webhooks",
        abstract: "Tell other systems what happens, within a moment: endpoints that events are sent to.",
        subcommands: [
            WebhooksAdd.self, WebhooksList.self, WebhooksShow.self, WebhooksChange.self, WebhooksRotate.self,
            WebhooksEnable.self,
            WebhooksDisable.self, WebhooksRemove.self, WebhooksAttempts.self, WebhooksTest.self, WebhooksSeek.self,
        ])
}

/// Which endpoint a command is about.
struct EndpointName: ParsableArguments {
    @Argument(help: "The endpoint's id, as 'sluice webhooks list' shows it.")
    var id: String

    /// The endpoint's path in the API, or that of something of it.
    func path(_ rest: String = "") -> String { "/v1/webhooks/endpoints/\(PercentEncoding.encode(id))\(rest)" }
}
