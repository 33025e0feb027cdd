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
                rejected.append(contentsOf: Array("{\"index\":\(outcome.index),\"reason\":".utf8))
                JSONText.appendString(reason, to: &rejected)
                rejected.append(0x7d)
            } else if case .duplicate = receipt.verdicts[outcome.item] {
                duplicates += 1
            } else {
                accepted += 1
            }
        }
        var out = Array("{\"accepted\":\(accepted),\"duplicates\":\(duplicates),\"rejected\":[".utf8)
        out.append(contentsOf: rejected)
        out.append(contentsOf: Array("],\"watermark\":\(receipt.watermark)}".utf8))
        return out
    }
}
