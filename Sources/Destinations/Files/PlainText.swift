internal import Connectors

/// What crosses a network in plain text, and whether it may.
enum PlainText {
    static let field = Field(
        "allow_plaintext", .choice(Field.truths), help: "whether what is sent may cross a network without TLS")

    /// Refuses a URL that would be sent to in clear. Within this machine it is let pass, with a word to the operator.
    static func check(_ url: OutboundURL, _ settings: Settings, _ tools: DestinationTools) throws(ConnectorError) {
        guard !url.isSecure, settings.text(field.name) != "true" else { return }
        let address = url.address?.plain
        let isHere = url.host == "localhost" || address?.bytes.first == 127 || address?.description == "::1"
        guard isHere else {
            throw ConnectorError(
                .badSetting, "\(url.host) is sent to as plain text; use https, or say allow_plaintext: true")
        }
        tools.warn("what goes to \(url.authority) is plain text, which is let pass within this machine")
    }
}
