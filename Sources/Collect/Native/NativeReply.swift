public import Journal
import Model

/// The native protocol's reply.
public enum NativeReply {
    /// `{"accepted":n,"duplicates":n,"rejected":[{"index":i,"reason":"…"}],"watermark":seq}`, without white space.
    public static func json(_ parsed: ParsedRequest, _ receipt: Receipt) -> [UInt8] {
        var accepted = 0
        var duplicates = 0
        var rejected: [UInt8] = []
        for outcome in parsed.outcomes {
            if let reason = outcome.rejection {
                if !rejected.isEmpty { rejected.append(0x2c) }
                rejected.append(contentsOf: "{\"index\":".utf8)
                appendNumber(Int64(outcome.index), to: &rejected)
                rejected.append(contentsOf: ",\"reason\":".utf8)
                JSONText.appendString(reason, to: &rejected)
                rejected.append(0x7d)
            } else if case .duplicate = receipt.verdicts[outcome.item] {
                duplicates += 1
            } else {
                accepted += 1
            }
        }
        var out: [UInt8] = []
        out.reserveCapacity(96 + rejected.count)
        out.append(contentsOf: "{\"accepted\":".utf8)
        appendNumber(Int64(accepted), to: &out)
        out.append(contentsOf: ",\"duplicates\":".utf8)
        appendNumber(Int64(duplicates), to: &out)
        out.append(contentsOf: ",\"rejected\":[".utf8)
        out.append(contentsOf: rejected)
        out.append(contentsOf: "],\"watermark\":".utf8)
        appendNumber(receipt.watermark, to: &out)
        out.append(0x7d)
        return out
    }

    /// Writes a number's digits; none of the reply's is negative.
    private static func appendNumber(_ number: Int64, to out: inout [UInt8]) {
        let start = out.count
        var rest = number
        repeat {
            out.append(0x30 + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        out[start...].reverse()
    }
}
