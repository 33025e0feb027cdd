/// Names as KISSmetrics compares them: without regard to case.
public enum NameFolding {
    /// Appends the lower-case form of a name: Unicode's full lower-case mapping, no locale. The bytes must be UTF-8.
    public static func append(_ name: Span<UInt8>, to out: inout [UInt8]) {
        var at = 0
        while at < name.count, name[at] < 0x80 { at &+= 1 }
        guard at == name.count else { return out.append(contentsOf: Array(String(utf8: name).lowercased().utf8)) }
        for i in 0..<name.count {
            let byte = name[i]
            out.append(byte &- 0x41 < 26 ? byte | 0x20 : byte)
        }
    }

    /// The lower-case form of a name.
    public static func folded(_ name: Span<UInt8>) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(name.count)
        append(name, to: &out)
        return out
    }
}
