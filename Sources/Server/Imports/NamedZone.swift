internal import Collect
internal import Model

#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

extension ImportZone {
    /// The zone of a `timezone` parameter: UTC, an offset, or a name of the IANA database.
    static func named(_ text: String) throws(Problem) -> ImportZone {
        if let fixed = ImportZone(fixed: text) { return fixed }
        guard let zone = TimeZone(identifier: text) else {
            throw .parameter("timezone", "must be UTC, an offset such as +02:00, or a name such as Europe/Berlin")
        }
        return ImportZone { written in
            let local = written.timestamp().microseconds
            func offset(at microseconds: Int64) -> Int64 {
                Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(microseconds / 1_000_000))))
                    * 1_000_000
            }
            // Where clocks go back a local time comes twice: the first of them. Where they go forward it never comes.
            for guess in [local - offset(at: local - 86_400_000_000), local - offset(at: local + 86_400_000_000)]
            where guess + offset(at: guess) == local {
                return Timestamp(microseconds: guess)
            }
            return nil
        }
    }
}
