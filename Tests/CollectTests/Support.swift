import Collect
import Model
import Testing

@testable import Journal

let receivedAt = Timestamp(microseconds: 1_795_540_315_337_759)
let receivedText = receivedAt.text

/// The items of a submission, decoded from their binary form; nil where the bytes are not items.
func decoded(_ submission: Submission) -> [Item]? { decode(submission.bytes, count: submission.count) }

/// The parts of a submission's items, decoded from their binary form.
func parts(_ submission: Submission) -> [Item]? { decode(submission.partBytes, count: submission.parts.count) }

private func decode(_ bytes: [UInt8], count: Int) -> [Item]? {
    var found: [Item] = []
    var at = 0
    let span = bytes.span
    while at < span.count {
        guard let layout = ItemLayout(span, at: &at) else { return nil }
        found.append(Item(layout, in: span))
    }
    return found.count == count ? found : nil
}

func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

/// An item in one line, for golden tables: kind, identity, name or other, time, properties, flags.
func line(_ item: Item) -> String {
    var parts = ["\(item.kind)", text(item.identity)]
    if !item.name.isEmpty { parts.append(text(item.name)) }
    if !item.other.isEmpty { parts.append(text(item.other)) }
    if item.timestamp != receivedAt { parts.append(item.timestamp.text) }
    if !item.properties.isEmpty { parts.append(text(item.properties)) }
    if item.flags.contains(.namesIdentity) { parts.append("names") }
    if item.flags.contains(.derivedAlias) { parts.append("derived") }
    if item.flags.contains(.setsProperties) { parts.append("sets") }
    if item.flags.contains(.foldsNames) { parts.append("folds") }
    return parts.joined(separator: " | ")
}

func lines(_ parsed: ParsedRequest) throws -> [String] { try #require(decoded(parsed.submission)).map(line) }

func reasons(_ parsed: ParsedRequest) -> [String?] { parsed.outcomes.map(\.rejection) }

func hash(_ text: String, seed: UInt64 = 0) -> Hash128 { Hash128(text, seed: seed) }
