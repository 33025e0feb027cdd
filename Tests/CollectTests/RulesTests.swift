import Collect
import Model
import Testing

@Suite("The rules that all protocols share")
struct RulesTests {
    @Test(arguments: [
        "null", "NULL", " undefined ", "anonymous", "Anonymous", "0", "", "nil", "none", "guest", "true", "False",
        "NaN",
        "[object Object]", "unknown", "(null)", "\t", "00000000-0000-0000-0000-000000000000",
    ])
    func idsThatNameNobody(_ id: String) { #expect(namesNobody(id)) }

    @Test(arguments: ["anon", "anon-1", "bob@bob.com", "user", "1", "00001", "nullo", "Nobody", "-", "é", "None of us"])
    func idsThatNameSomebody(_ id: String) { #expect(!namesNobody(id)) }

    private func namesNobody(_ id: String) -> Bool { CollectRules.namesNobody(Array(id.utf8).span) }

    @Test func charactersAreUnicodeScalars() {
        #expect(fault(String(repeating: "a", count: 255)) == nil)
        #expect(fault(String(repeating: "☃", count: 255)) == nil)
        #expect(fault(String(repeating: "a", count: 256))?.contains("255") == true)
        #expect(fault(String(repeating: "☃", count: 256))?.contains("255") == true)
        #expect(fault("") != nil)
        #expect(fault(" ") != nil)
        #expect(fault("\u{1}\n\t") != nil)
        #expect(fault("\u{200b}\u{feff}") != nil)
        #expect(fault("\u{0}x") == nil)
        #expect(fault("é") == nil)
    }

    private func fault(_ text: String) -> String? { CollectRules.fault(Array(text.utf8).span) }

    @Test func idsAreUUIDsOfVersionSevenInOrder() {
        let ids = IDGenerator(seed: 7)
        var made: [String] = []
        for _ in 0..<50 {
            var sequence = ids.sequence(at: receivedAt)
            for _ in 0..<100 { made.append(next(&sequence)) }
        }
        #expect(Set(made).count == 5_000)
        // 1795540315337 ms is 1a20e7c9089 in hexadecimal.
        let milliseconds = String(1_795_540_315_337, radix: 16)
        let prefix = String(repeating: "0", count: 12 - milliseconds.count) + milliseconds
        for id in made {
            let parts = id.split(separator: "-")
            #expect(parts.map(\.count) == [8, 4, 4, 4, 12])
            #expect(parts[0] + parts[1] == prefix)
            #expect(parts[2].first == "7")
            #expect(["8", "9", "a", "b"].contains(parts[3].first))
        }
        for start in stride(from: 0, to: 5_000, by: 100) {
            #expect(Array(made[start..<start + 100]) == made[start..<start + 100].sorted())
        }
    }

    private func next(_ sequence: inout IDSequence) -> String {
        var out: [UInt8] = []
        sequence.appendNext(to: &out)
        return text(out)
    }

    @Test func namesFoldAsUnicodeDoes() {
        #expect(folded("Signed Up") == "signed up")
        #expect(folded("ÉTÉ Straße") == "été straße")
    }

    private func folded(_ name: String) -> String { text(NameFolding.folded(Array(name.utf8).span)) }
}
