public import Model

/// KISSmetrics' calls: `/e` records an event, `/s` sets properties, `/a` ties two identities. The parameters come in a
/// query string or in a form body, in any order; the first of a parameter given twice counts.
///
/// The protocol hides errors from the sender, so parsing never fails: a call that cannot be taken is a reject.
public enum KissmetricsRequest {
    /// The value of `_k`, by which the server finds the project; nil if it is missing or empty.
    public static func key(in query: [UInt8]) -> String? {
        var pairs = FormPairs()
        let bytes = query.span
        while pairs.next(in: bytes) {
            if pairs.name == [0x5f, 0x6b] {
                return pairs.value.isEmpty ? nil : String(decoding: pairs.value, as: UTF8.self)
            }
        }
        return nil
    }

    /// Reads one call. `path` is `/e`, `/s` or `/a`. Where a POST has a query too, join both by `&`.
    public static func parse(
        path: String, query: [UInt8], receivedAt: Timestamp, ids: IDGenerator
    ) -> ParsedRequest {
        do throws(Refusal) {
            guard query.count <= CollectLimits.itemBytes else {
                throw Refusal("the call has \(query.count) bytes: at most \(CollectLimits.itemBytes) are taken")
            }
            let parameters = try KissmetricsParameters(query.span)
            let builder = KissmetricsItem(parameters: parameters, receivedAt: receivedAt)
            let (item, parts) =
                switch path {
                case "/e": try builder.event(ids: ids)
                case "/s": try builder.set()
                case "/a": (try builder.alias(), [])
                default: throw Refusal("there is no call \(path): use /e, /s or /a")
                }
            var parsed = ParsedRequest()
            parsed.accept(item, parts: parts, index: 0)
            return parsed
        } catch {
            return refused(error.reason, path: path, query: query, receivedAt: receivedAt)
        }
    }

    /// A call that cannot be taken, as a reject that keeps what of its parameters is known.
    public static func refused(
        _ reason: String, path: String, query: [UInt8], receivedAt: Timestamp
    ) -> ParsedRequest {
        var parsed = ParsedRequest()
        let raw = Array("\(path)?".utf8) + withoutKey(query)
        parsed.refuse(reason, raw: raw.span, index: 0, wire: .kissmetrics, receivedAt: receivedAt)
        return parsed
    }

    /// The query without `_k`, which a list of rejects need not show.
    private static func withoutKey(_ query: [UInt8]) -> [UInt8] {
        let pairs = query.split(separator: 0x26, omittingEmptySubsequences: false)
        return Array(pairs.filter { !$0.starts(with: [0x5f, 0x6b, 0x3d]) }.joined(separator: [0x26]))
    }
}
