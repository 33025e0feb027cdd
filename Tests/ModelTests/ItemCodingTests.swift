import Model
import Testing

@Suite("Items survive their binary form")
struct ItemCodingTests {
    @Test func roundTrip() throws {
        var item = Item(
            kind: .event, wire: .kissmetrics, timestamp: Timestamp(microseconds: -5),
            receivedAt: Timestamp(microseconds: 1_795_540_315_337_759))
        item.flags = [.setsProperties, .foldsNames]
        item.dedupID = Hash128("x")
        item.partIDs = [Hash128("a"), Hash128("b")]
        item.id = Array("id-1".utf8)
        item.identity = Array("bob@example.com".utf8)
        item.name = Array("Signed Up".utf8)
        item.properties = Array("{\"plan\":\"pro\"}".utf8)
        var bytes: [UInt8] = [9, 9]
        item.encode(into: &bytes)
        item.encode(into: &bytes)
        var at = 2
        for _ in 0..<2 { #expect(decode(bytes, &at) == item) }
        #expect(at == bytes.count)
        let whole = Array(bytes[2..<(2 + (bytes.count - 2) / 2)])
        for cut in 0..<whole.count {
            var start = 0
            #expect(decode(Array(whole[..<cut]), &start) == nil)
        }
    }

    private func decode(_ bytes: [UInt8], _ at: inout Int) -> Item? {
        let span = bytes.span
        guard let layout = ItemLayout(span, at: &at) else { return nil }
        return Item(layout, in: span)
    }

    /// The reference implementation's vectors for SipHash-2-4-128 (key 00…0f, input 00, 01, …).
    @Test(arguments: [
        (0, "a3817f04ba25a8e66df67214c7550293"), (1, "da87c1d86b99af44347659119b22fc45"),
    ])
    func hashIsSipHash(_ count: Int, _ expected: String) {
        let hash = hash(of: (0..<count).map { UInt8($0) })
        var bytes: [UInt8] = []
        bytes.appendLittleEndian(hash.low)
        bytes.appendLittleEndian(hash.high)
        let hex = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        #expect(hex == expected)
    }

    private func hash(of bytes: [UInt8]) -> Hash128 { Hash128(bytes.span) }
}
