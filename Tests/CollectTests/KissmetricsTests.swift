import Model
import Testing

@testable import Collect

@Suite("KISSmetrics' calls")
struct KissmetricsTests {
    private let ids = IDGenerator(seed: 2)

    private func parse(_ call: String) -> ParsedRequest {
        let end = call.firstIndex(of: "?") ?? call.endIndex
        let query = call[end...].dropFirst()
        return KissmetricsRequest.parse(
            path: String(call[..<end]), query: Array(query.utf8), receivedAt: receivedAt, ids: ids)
    }

    /// Calls captured from py-KISSmetrics 1.1.0 and pyKISSmetrics 1.0.2, and what is stored of them.
    @Test(arguments: [
        ("/e?_k=K&_p=bob%40bob.com&_n=Viewed+Homepage", "event | bob@bob.com | Viewed Homepage | {} | sets | folds"),
        (
            "/e?_k=K&_p=bob%40bob.com&_n=Signed+Up&Plan=Pro&Amount=99.95&Na%C3%AFve%3A+key%2C+x=%C3%A9+%26+%3D+%2B+%2F+%E2%98%83",
            #"event | bob@bob.com | Signed Up | {"Plan":"Pro","Amount":99.95,"Naïve  key  x":"é & = + / ☃"} | sets | folds"#
        ),
        (
            "/e?_k=K&_p=bob%40bob.com&_d=1&_t=1234567890&_n=Signed+Up",
            "event | bob@bob.com | Signed Up | 2009-02-13T23:31:30.000000Z | {} | sets | folds"
        ),
        (
            "/e?_k=K&_p=bob%40bob.com&_n=Signed+Up&_t=1234567890&_d=1",
            "event | bob@bob.com | Signed Up | 2009-02-13T23:31:30.000000Z | {} | sets | folds"
        ),
        (
            "/s?_k=K&_p=bob%40bob.com&gender=male&empty=&none=None&bool=True",
            #"set | bob@bob.com | {"gender":"male","empty":"","none":"None","bool":"True"} | folds"#
        ),
        (
            "/s?_k=K&_p=bob%40bob.com&_d=1&_t=1262304000&plan=Pro",
            #"set | bob@bob.com | 2010-01-01T00:00:00.000000Z | {"plan":"Pro"} | folds"#
        ),
        (
            "/a?_k=K&_p=qFq2LweZugFNE4o49hLhmRPBW34%2B%2F%3D&_n=bob%40bob.com",
            "alias | qFq2LweZugFNE4o49hLhmRPBW34+/= | bob@bob.com | names"
        ),
        (
            "/e?attr=1&_n=an+event&_t=1795540315.337759&_k=KEY&_p=simon%40x.com",
            #"event | simon@x.com | an event | {"attr":1} | sets | folds"#
        ),
        (
            "/e?_t=1234567890&na%C3%AFve=%E2%98%83&_n=back+dated&_d=1&_k=KEY&_p=simon%40x.com",
            #"event | simon@x.com | back dated | 2009-02-13T23:31:30.000000Z | {"naïve":"☃"} | sets | folds"#
        ),
        ("/a?_n=simon%40x.com&_p=anon&_t=1795540315.362722&_k=KEY", "alias | anon | simon@x.com | names"),
    ])
    func capturedCalls(_ call: String, _ expected: String) throws {
        #expect(try lines(parse(call)) == [expected])
    }

    /// Names, values and times that real clients send.
    @Test(arguments: [
        ("/e?_p=a:b,c&_n=foo:bar,baz&p,q:r=1", #"event | a:b,c | foo bar baz | {"p q r":1} | sets | folds"#),
        (
            "/s?_p=a&i=007&n=-0.50&e=1e5&h=0x1F&p=%2B1&d=.5&x=1.&w=+1&z=1_0&big=123456789012345678901234567890",
            #"set | a | {"i":"007","n":-0.50,"e":1e5,"h":"0x1F","p":"+1","d":".5","x":"1.","w":" 1","z":"1_0","big":123456789012345678901234567890} | folds"#
        ),
        ("/s?_p=a&t=true&n=null&j=%7B%22x%22%3A1%7D", #"set | a | {"t":"true","n":"null","j":"{\"x\":1}"} | folds"#),
        ("/s?_p=a&&x=1&=&y=2&", #"set | a | {"x":1,"y":2} | folds"#),
        ("/s?_p=a&x", #"set | a | {"x":""} | folds"#),
        ("/s?_p=a&x=1&_p=b&X=2&x=3", #"set | a | {"x":1} | folds"#),
        ("/s?_p=a&x=%&y=%4&z=%zz&n=%00", #"set | a | {"x":"%","y":"%4","z":"%zz","n":"\u0000"} | folds"#),
        ("/s?_p=%ff&x=%c3", "set | \u{fffd} | {\"x\":\"\u{fffd}\"} | folds"),
        ("/s?_p=a&_x=1&_c=mobile_app&_u=ua&_ip=1&_ua=2&k=v", #"set | a | {"k":"v"} | folds"#),
        ("/s?_p=null&k=v", #"set | null | {"k":"v"} | folds"#),
        ("/e?_p=a&_n=E&_t=1234567890", "event | a | E | {} | sets | folds"),
        ("/e?_p=a&_n=E&_t=1234567890&_d=0", "event | a | E | {} | sets | folds"),
        ("/e?_p=a&_n=E&_t=1234567890&_d=true", "event | a | E | {} | sets | folds"),
        ("/e?_p=a&_n=E&_t=1795540315337", "event | a | E | {} | sets | folds"),
        ("/e?_p=a&_n=E&_t=junk", "event | a | E | {} | sets | folds"),
        ("/e?_p=a&_n=E&_d=1", "event | a | E | {} | sets | folds"),
        ("/e?_p=a&_n=E&_d=1&_t=1234567890.5", "event | a | E | 2009-02-13T23:31:30.500000Z | {} | sets | folds"),
    ])
    func rules(_ call: String, _ expected: String) throws {
        #expect(try lines(parse(call)) == [expected])
    }

    @Test(arguments: [
        ("/e?_k=K&_n=E", "_p is missing"), ("/e?_p=a", "_n is missing"), ("/e?_p=&_n=E", "_p is empty"),
        ("/e?_p=a&_n=", "_n is empty"), ("/e?_p=a&_n=,:", "_n holds only white space"), ("/s?_p=a", "no property"),
        ("/s?_p=a&_t=5", "no property"), ("/a?_p=a", "_n is missing"), ("/a?_p=a&_n=a", "both identities are the same"),
        ("/a?_p=a&_n=null", "names nobody"), ("/a?_p=Undefined&_n=a", "names nobody"),
        ("/e?_p=a&_n=E&_d=1&_t=1795540315337", "milliseconds"), ("/e?_p=a&_n=E&_d=1&_t=junk", "_t with _d=1 cannot"),
        ("/e?_p=a&_n=E&=x", "a property's name is empty"), ("/x?_p=a&_n=E", "there is no call /x"),
        ("/e", "_p is missing"),
        ("/e?attr_n_t_k_p", "_p is missing"),
    ])
    func rejects(_ call: String, _ reason: String) throws {
        let parsed = parse(call)
        let item = try #require(decoded(parsed.submission)?.first)
        #expect(item.kind == .reject && item.wire == .kissmetrics)
        #expect(text(item.name).contains(reason), "\(text(item.name))")
        #expect(!text(item.properties).contains("_k=K"))
        #expect(parsed.outcomes == [Outcome(rejected: text(item.name))])
    }

    @Test func aCallWithoutItsBodyKeepsItsQuery() throws {
        let parsed = KissmetricsRequest.refused(
            "the body is too large", path: "/e", query: Array("_k=K&_p=a".utf8), receivedAt: receivedAt)
        let item = try #require(decoded(parsed.submission)?.first)
        #expect(item.kind == .reject && item.wire == .kissmetrics && parsed.rejectCount == 1)
        #expect(text(item.name) == "the body is too large" && text(item.properties) == "/e?_p=a")
        #expect(reasons(parsed) == ["the body is too large"])
    }

    @Test func limits() {
        func x(_ count: Int) -> String { String(repeating: "x", count: count) }
        #expect(reasons(parse("/e?_p=\(x(255))&_n=\(x(255))&\(x(255))=1")) == [nil])
        #expect(reasons(parse("/e?_p=\(x(256))&_n=E"))[0]?.contains("_p") == true)
        #expect(reasons(parse("/e?_p=a&_n=\(x(256))"))[0]?.contains("_n") == true)
        #expect(reasons(parse("/e?_p=a&_n=E&\(x(256))=1"))[0]?.contains("property") == true)
        #expect(reasons(parse("/e?_p=a&_n=E&x=\(x(70_000))"))[0]?.contains("65536") == true)
        let many = (0..<255).map { "p\($0)=1" }.joined(separator: "&")
        #expect(reasons(parse("/s?_p=a&_t=1&\(many)")) == [nil])
        #expect(reasons(parse("/s?_p=a&_t=1&\(many)&more=1"))[0]?.contains("255") == true)
    }

    /// An event counts once per identity, name without regard to case, and raw `_t`.
    @Test func duplicateKeys() throws {
        func key(_ call: String) throws -> Hash128 { try #require(decoded(parse(call).submission)?.first).dedupID }
        let base = try key("/e?_p=a&_n=Signed+Up&_t=5&x=1")
        #expect(base != .none)
        #expect(try key("/e?x=2&_t=5&_n=signed:UP&_p=a&_d=0&_k=K") == base)
        #expect(try key("/e?_p=a&_n=Signed+Up&_t=5&_d=1") == base)
        let others = try [
            "/e?_p=A&_n=Signed+Up&_t=5", "/e?_p=a&_n=Signed+Up&_t=5.0", "/e?_p=a&_n=Signed&_t=5",
            "/s?_p=a&_n=Signed+Up&_t=5&x=1", "/a?_p=a&_n=Signed+Up&_t=5",
        ].map(key)
        #expect(Set(others + [base]).count == others.count + 1)
        for call in ["/e?_p=a&_n=E", "/e?_p=a&_n=E&_t=", "/s?_p=a&x=1", "/a?_p=a&_n=b"] {
            #expect(try key(call) == .none)
            #expect(parts(parse(call).submission)?.isEmpty == true)
        }
        #expect(try key("/a?_p=a&_n=b&_t=1") == key("/a?_p=b&_n=a&_t=1"))
    }

    @Test func partsCountByNameValueAndTime() throws {
        func found(_ call: String) throws -> [Item] { try #require(parts(parse(call).submission)) }
        let first = try found("/e?_p=a&_n=E&_t=5&_d=1&Plan=Pro&n=1")
        #expect(
            first.map(line) == [
                #"set | a | 1970-01-01T00:00:05.000000Z | {"Plan":"Pro"} | folds"#,
                #"set | a | 1970-01-01T00:00:05.000000Z | {"n":1} | folds"#,
            ])
        let item = try #require(decoded(parse("/e?_p=a&_n=E&_t=5&_d=1&Plan=Pro&n=1").submission)?.first)
        #expect(item.partIDs == first.map(\.dedupID))
        let second = try found("/e?_p=a&_n=e&_t=5&PLAN=Pro&n=2")
        #expect(second[0].dedupID == first[0].dedupID && second[1].dedupID != first[1].dedupID)
        #expect(try found("/e?_p=a&_n=E&_t=5&plan=pro")[0].dedupID != first[0].dedupID)
        #expect(try found("/s?_p=a&_t=5&Plan=Pro")[0].dedupID != first[0].dedupID)
        #expect(try found("/s?_p=a&_t=5&Plan=Pro")[0].dedupID == found("/s?plan=Pro&_p=a&_t=5")[0].dedupID)
    }

    /// The hashes lie in files for a week: another version has to find the same ones.
    @Test func hashesStayTheSame() throws {
        func hash(_ kind: ItemKind, _ texts: [String]) -> Hash128 {
            let bytes = texts.reduce(into: [kind.rawValue]) { out, text in
                out.appendLittleEndian(UInt32(text.utf8.count))
                out += text.utf8
            }
            return Hash128(bytes.span, seed: 0x4b4d)
        }
        let event = parse("/e?_p=ann&_n=Bought&_t=5&Plan=pro&n=1").submission
        let item = try #require(decoded(event)?.first)
        let key = ["ann", "bought", "5"]
        let expected = [hash(.event, key + ["plan", "\"pro\""]), hash(.event, key + ["n", "1"])]
        #expect(item.dedupID == hash(.event, key))
        #expect(item.partIDs == expected)
        #expect(try #require(parts(event)).map(\.dedupID) == expected)
        let set = try #require(decoded(parse("/s?_p=ann&_t=5&n=1").submission)?.first)
        #expect(set.dedupID == hash(.set, ["ann", "", "5"]))
        let alias = try #require(decoded(parse("/a?_p=bob&_n=ann&_t=5").submission)?.first)
        #expect(alias.dedupID == hash(.alias, ["ann", "bob", "5"]))
    }

    @Test func keys() {
        func key(_ query: String) -> String? { KissmetricsRequest.key(in: Array(query.utf8)) }
        #expect(key("_p=a&_k=K%2B1&_k=2") == "K+1")
        #expect(key("_p=a") == nil)
        #expect(key("_k=") == nil)
        #expect(key("attr_n_t_k_p") == nil)
    }

    @Test func theImageDecodes() {
        let gif = TransparentGIF.bytes
        #expect(gif.count == 43)
        #expect(text(Array(gif[..<6])) == "GIF89a")
        #expect(gif[6..<10] == [1, 0, 1, 0])
        // The colour table has two entries; the image's codes have 3 bits: clear (4), a colour, end (5).
        let codes = UInt16(gif[39]) | UInt16(gif[40]) << 8
        #expect(codes & 7 == 4)
        #expect(codes >> 3 & 7 == UInt16(gif[25]))
        #expect(codes >> 6 & 7 == 5)
        #expect(gif[22] & 1 == 1)
        #expect(gif[37] == 2 && gif[38] == 2 && gif[41] == 0 && gif[42] == 0x3b)
    }
}

extension Outcome {
    /// The outcome of a request whose one input was refused.
    fileprivate init(rejected reason: String) { self.init(index: 0, item: 0, rejection: reason) }
}
