public import Connectors
public import Model

/// JSON by HTTP, page after page: each is a list of objects, or has one in it.
public struct HTTPSource: Source {
    public static let kind = "http"
    public static let fields = [
        Field("url", .url, isRequired: true, help: "the first page, with https"),
        Field(
            "headers", .map, isSecret: true, help: "headers, whose values may be references to secrets"),
        Field(
            "items", .text,
            help: "where the list is in a page, such as data or result.items; the page itself if not said"
        ),
        Field(
            "next", .text,
            help:
                "where a page says what comes next: a URL of the same server, or what \"cursor\" takes; nothing ends it"
        ),
        Field("cursor", .text, help: "the parameter that takes what \"next\" says"),
        Field("page", .text, help: "the parameter that counts pages, from 1, until one is empty"),
        Field(
            "most_pages", .number(1...100_000),
            help: "pages at most, beyond which it fails; 1000 if not said"),
        PlainText.field,
    ]
    /// A page is at most this long.
    private static let mostBytes = 16 << 20
    private static let pauses: [Duration] = [.seconds(1), .seconds(5), .seconds(20)]

    private let url: OutboundURL
    private let headers: [(name: String, value: String)]
    private let items: [String]
    private let next: [String]?
    private let cursor: String?
    private let page: String?
    private let mostPages: Int64
    private let http: any OutboundSending

    public init(_ settings: Settings, _ tools: DestinationTools) throws(ConnectorError) {
        url = try OutboundURL(settings.text("url") ?? "")
        try tools.policy.check(url)
        try PlainText.check(url, settings, tools)
        headers = settings.map("headers")
        try CustomHeaders.check(headers)
        items = Self.path(settings.text("items") ?? "")
        next = settings.text("next").map(Self.path)
        cursor = settings.text("cursor")
        page = settings.text("page")
        mostPages = settings.number("most_pages") ?? 1_000
        http = tools.http
        guard next == nil || page == nil else {
            throw ConnectorError(
                .badSetting, "\"next\" and \"page\" are two ways to find the next page; name one")
        }
        guard cursor == nil || next != nil else {
            throw ConnectorError(
                .badSetting, "\"cursor\" needs \"next\": where a page says what comes next")
        }
    }

    private static func path(_ text: String) -> [String] {
        text.split(separator: ".").map(String.init)
    }

    public static func plainSecret(_ settings: JSONValue) -> String? {
        HTTPDestination.plainSecret(settings)
    }

    public var location: String { "http:\(url.origin)" }

    public func fetch(into folder: String, as name: String) async throws(ConnectorError)
        -> FetchedFile
    {
        let path = "\(folder)/\(name).ndjson"
        try await blocking { try FilePieces.begin(path) }
        var at: OutboundURL? =
            try page.map { page throws(ConnectorError) in try with([(page, "1")]) } ?? url
        var number: Int64 = 0
        var seen: Set<OutboundURL> = []
        while let here = at {
            number += 1
            guard number <= mostPages else {
                throw ConnectorError(
                    .refused,
                    "\(url.host) has more than \(mostPages) pages; \"most_pages\" says how many may be")
            }
            guard seen.insert(here).inserted else {
                throw ConnectorError(
                    .refused, "\(url.host) says that a page follows which was there already")
            }
            let document = try await ask(here)
            let lines = try lines(document)
            if !lines.isEmpty { try await blocking { try FilePieces.append(lines, to: path) } }
            at = try following(document, number, isEmpty: lines.isEmpty)
        }
        return FetchedFile(path: path, format: "ndjson")
    }

    private func following(
        _ document: JSONValue, _ number: Int64, isEmpty: Bool
    ) throws(ConnectorError) -> OutboundURL? {
        if let page { return isEmpty ? nil : try with([(page, String(number + 1))]) }
        guard let next else { return nil }
        let value = next.reduce(document) { $0[$1] ?? .null }
        let text: String
        switch value {
        case .string(let given) where !given.isEmpty: text = given
        case .number(let digits): text = digits
        // Null, nothing, and false all say that it is over.
        default: return nil
        }
        if let cursor { return try with([(cursor, text)]) }
        let found = try OutboundURL(text.hasPrefix("/") ? url.origin + text : text)
        guard found.origin == url.origin else {
            throw ConnectorError(
                .refused, "\(url.host) names a next page on another server, where the headers are not sent")
        }
        return found
    }

    /// The first page's address with other parameters.
    private func with(_ parameters: [(String, String)]) throws(ConnectorError) -> OutboundURL {
        var text = url.description
        for (name, value) in parameters {
            text +=
                (text.contains("?") ? "&" : "?") + PercentText.encoded(name) + "="
                + PercentText.encoded(value)
        }
        return try OutboundURL(text)
    }

    private func lines(_ document: JSONValue) throws(ConnectorError) -> [UInt8] {
        let list = items.reduce(document) { $0[$1] ?? .null }
        guard let rows = list.arrayValue else {
            let what = items.isEmpty ? "the answer" : "\"\(items.joined(separator: "."))\" of the answer"
            throw ConnectorError(
                .refused, "\(what) of \(url.host) is no list; \"items\" says where it is")
        }
        var bytes: [UInt8] = []
        for row in rows {
            guard case .object = row else {
                throw ConnectorError(.refused, "\(url.host) has something in its list that is no object")
            }
            row.write(to: &bytes)
            bytes.append(0x0a)
        }
        return bytes
    }

    private func ask(_ url: OutboundURL) async throws(ConnectorError) -> JSONValue {
        var left = Self.pauses[...]
        while true {
            var request = OutboundRequest(
                url: url, method: "GET",
                headers: headers + [("accept", "application/json"), ("user-agent", "sluice")],
                timeout: .seconds(60))
            request.mostAnswer = Self.mostBytes
            let result = await http.send(request)
            let status = result.answer?.status ?? 0
            if let answer = result.answer, answer.cut == nil, status == 200 {
                do { return try JSONValue(answer.body.span) } catch {
                    throw ConnectorError(.refused, "the answer of \(url.host) is no JSON")
                }
            }
            let isPassing = result.answer == nil || status >= 500 || status == 429 || status == 408
            let reason =
                result.failure?.message
                ?? (result.answer?.cut == .size
                    ? "\(url.host) has a page that is too long" : "\(url.host) answered \(status)")
            guard isPassing, result.failure?.code != .blockedAddress, let pause = left.popFirst() else {
                throw ConnectorError(
                    result.failure?.code == .blockedAddress
                        ? .blockedAddress : isPassing ? .unreachable : .refused,
                    reason, isTransient: isPassing)
            }
            // Who says how long is waited for, within reason.
            let told = result.answer?["retry-after"].flatMap { Int64($0) }.map {
                Duration.seconds(min($0, 60))
            }
            do { try await Task.sleep(for: told ?? pause) } catch {
                throw ConnectorError(.unreachable, "it was cut off", isTransient: true)
            }
        }
    }
}
