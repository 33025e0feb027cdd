import Model
import Testing

@testable import Journal

@Suite("What was set aside goes with those whom it may name, and stays for others")
struct SetAsideTests {
    typealias Reason = JournalErasureReport.SetAside.Reason

    private func frame(_ items: [Item]) -> [UInt8] {
        var frame = [UInt8](repeating: 0, count: FrameHeader.bytes)
        for item in items { item.encode(into: &frame) }
        FrameHeader.write(
            into: &frame, firstSeq: 9, count: items.count, committedAt: Timestamp(microseconds: 1), salt: 1)
        return frame
    }

    private func finds(_ search: TextSearch, _ bytes: [UInt8]) -> Bool { search.isIn(bytes.span) }

    private func reason(_ bytes: [UInt8], _ texts: String...) -> Reason? {
        SetAside.reason(toRemove: bytes.span, TextSearch(texts.map { Array($0.utf8) }))
    }

    @Test("A torn tail stays if every item in it tells that it is of others, wherever in its properties it is cut")
    func cuts() {
        let whole = frame([event("1", of: "ann@example.com"), event("2", of: "bob@example.com")])
        let item = (whole.count - FrameHeader.bytes) / 2
        let properties = #"{"email":"ann@example.com"}"#.utf8.count
        for count in 0...whole.count {
            let bytes = Array(whole[..<count])
            // Where in the last item it is cut.
            let place = count < FrameHeader.bytes ? -1 : (count - FrameHeader.bytes) % item
            let isTold = place >= 0 && (place < FrameHeader.leastItemBytes || place >= item - properties)
            #expect(reason(bytes, "cid@example.com") == (isTold ? nil : .unattributable), "\(count) bytes")
            let holdsBob = count >= whole.count - properties - "Signed Up".utf8.count
            #expect((reason(bytes, "cid@example.com", "bob@example.com") == .holdsText) == holdsBob, "\(count) bytes")
        }
    }

    @Test("It goes if its head or an item's fields are not readable")
    func unreadable() {
        let whole = frame([event("1", of: "ann@example.com")])
        #expect(reason(whole, "bob") == nil)
        for place in [0, 3, 44, 46, 40, 88] {
            var bytes = whole
            bytes[place] ^= 0xff
            #expect(reason(bytes, "bob") == .unattributable, "byte \(place)")
        }
        // A page that never reached the disk.
        var bytes = whole
        let identity = FrameHeader.bytes + FrameHeader.leastItemBytes + 1
        for i in identity..<(identity + 15) { bytes[i] = 0 }
        #expect(reason(bytes, "bob") == .unattributable)
    }

    @Test("Of an input that was refused, only all of it tells whose it is")
    func refused() {
        var reject = event("", kind: .reject)
        reject.identity = []
        reject.properties = Array(#"{"identity":"ann","name":1}"#.utf8)
        let whole = frame([reject])
        #expect(reason(whole, "bob") == nil && reason(whole, "ann") == .holdsText)
        #expect(reason(Array(whole.dropLast()), "bob") == .unattributable)
        reject.identity = Array("ann".utf8)
        #expect(reason(Array(frame([reject]).dropLast()), "bob") == nil)
    }

    @Test(
        "Texts are found as they are and as raw inputs write them",
        arguments: [
            "x ann+1@exämple.com y", #"{"i":"ann+1@ex\u00e4mple.com"}"#, #"ann\u002B1\u0040ex\u00E4mple\u002ecom"#,
            "_p=ann%2B1%40ex%C3%A4mple.com&_n=x", "a%6e%6E+1@exämple.com".replacing("+", with: "%2b"),
        ])
    func forms(raw: String) {
        let search = TextSearch([Array("nobody".utf8), Array("ann+1@exämple.com".utf8), []])
        #expect(finds(search, Array(raw.utf8)))
        #expect(!finds(search, Array(raw.utf8.dropFirst(10))))
        #expect(!finds(TextSearch([]), Array(raw.utf8)))
    }

    @Test("Texts of any length are found at any place, and nothing else is")
    func lengths() {
        var numbers = SeededNumbers(state: 5)
        for round in 1...300 {
            let bytes = (0..<200).map { _ in UInt8.random(in: 97...100, using: &numbers) }
            let texts = (0..<(1 + round % 4)).map { _ in
                (0..<Int.random(in: 1...9, using: &numbers)).map { _ in UInt8.random(in: 97...100, using: &numbers) }
            }
            let expected = texts.contains { text in
                bytes.indices.contains { bytes[$0...].starts(with: text) }
            }
            #expect(finds(TextSearch(texts), bytes) == expected)
        }
        let pair = Array(#"\ud83d\ude00 \"q\" a\/b \ud83d \n"#.utf8)
        let json = Unescaped.json(pair.span)
        #expect(String(decoding: json, as: UTF8.self) == "😀 \"q\" a/b \u{fffd} \n")
        let form = Unescaped.percent(Array("%4a+%zz%4".utf8).span)
        #expect(String(decoding: form, as: UTF8.self) == "J %zz%4")
    }

    @Test("Files that the index does not use are removed, and those of others stay")
    func files() async throws {
        let folder = TemporaryFolder()
        let journal = try Journal.open(options(folder), logger: quiet)
        _ = try await journal.append(submission(["1"], of: "ann"))
        let others = frame([event("1", of: "bob")])
        try folder.write("torn-1-1.bin", others)
        try folder.write("torn-1-2.bin", frame([event("2", of: "ann")]))
        try folder.write("torn-1-3.bin", Array("noise".utf8))
        try folder.write("dedup/1-1.ids", [1])
        try folder.write("dedup/1-2.ids.damaged", [1, 2])
        try folder.write("dedup/notes.txt", [1])
        journal.release(follower: "store", upTo: 1)
        let report = try await journal.erase(erasure(through: 1, [1], "ann"))
        #expect(
            report.setAside == [
                .init(name: "torn-1-2.bin", bytes: Int64(others.count), reason: .holdsText, isVerified: true),
                .init(name: "torn-1-3.bin", bytes: 5, reason: .unattributable, isVerified: true),
                .init(name: "dedup/1-1.ids", bytes: 1, reason: .superseded, isVerified: true),
                .init(name: "dedup/1-2.ids.damaged", bytes: 2, reason: .damagedIDs, isVerified: true),
            ])
        #expect(folder.tornFiles == ["torn-1-1.bin"])
        #expect(try folder.read("torn-1-1.bin") == others)
        #expect(folder.idFiles.count == 1 && Folder.exists("\(folder.path)/dedup/notes.txt"))
        await journal.close()
    }
}
