import Model
import Testing

@testable import EventStore

@Suite("Names keep the form in which they came first")
struct NameTests {
    @Test(arguments: [1, 3, 100])
    func kissmetricsNamesFoldAndOthersDoNot(size: Int) throws {
        let store = try MemoryStore()
        let items = [
            kissmetrics("a", "Signed Up", #"{"Plan Name":"Pro","age":3}"#),
            kissmetrics("a", "SIGNED UP", #"{"AGE":4,"plan name":"pro"}"#),
            event("a", "signed up", #"{"PLAN NAME":1}"#),
            item(.set, "a", #"{"PLAN NAME":"x","Zoo":null}"#),
            kissmetrics("a", "Éclair Bought", #"{"zoo":1.0}"#),
            kissmetrics("a", "éCLAIR bought", #"{"\u005aoo":2,"\"q\"":3}"#),
            kissmetrics("a", "signed up", "{}"),
        ]
        for item in items {
            store.restart()
            try store.apply([item], by: size)
        }
        #expect(
            try store.rows("SELECT event, properties FROM events") == [
                #"Signed Up|{"Plan Name":"Pro","age":3}"#, #"Signed Up|{"age":4,"Plan Name":"pro"}"#,
                #"signed up|{"PLAN NAME":1}"#, #"Éclair Bought|{"Zoo":1.0}"#,
                #"Éclair Bought|{"\u005aoo":2,"\"q\"":3}"#,
                "Signed Up|{}",
            ])
        #expect(
            try store.rows("SELECT seq, name, value FROM property_changes") == [
                #"1|Plan Name|"Pro""#, "1|age|3", #"2|Plan Name|"pro""#, "2|age|4", #"4|PLAN NAME|"x""#, "4|Zoo|null",
                "5|Zoo|1.0", #"6|"q"|3"#, "6|Zoo|2",
            ])
        #expect(
            try store.rows("SELECT kind, name, folded, first_seq FROM names ORDER BY kind, first_seq, rowid") == [
                "event|Signed Up|signed up|1", "event|signed up|signed up|3", "event|Éclair Bought|éclair bought|5",
                "property|Plan Name|plan name|1", "property|age|age|1", "property|PLAN NAME|plan name|4",
                "property|Zoo|zoo|4", #"property|"q"|"q"|6"#,
            ])
    }

    @Test func namesThatFoldTogetherInOneItemAreOneProperty() throws {
        let store = try MemoryStore()
        try store.apply([kissmetrics("a", "E", #"{"b":0,"Plan":1,"plan":2,"PLAN":3}"#)])
        #expect(try store.rows("SELECT properties FROM events") == [#"{"b":0,"Plan":1}"#])
        #expect(try store.rows("SELECT name, value FROM property_changes") == ["Plan|1", "b|0"])
    }

    @Test func propertyRowsAreOrderedByTheBytesOfTheirNames() throws {
        let store = try MemoryStore()
        let object = #"{"é":1,"b":[1, {"x":2}],"":0,"B":"a\"\\","aa":true,"a":1e400,"b":"second"}"#
        try store.apply([item(.set, "p", object)])
        #expect(
            try store.rows("SELECT name, value FROM property_changes") == [
                "|0", #"B|"a\"\\""#, "a|1e400", "aa|true", #"b|[1, {"x":2}]"#, "é|1",
            ])
    }

    @Test func aFullTableLeavesNamesAsTheyAre() {
        #expect(foldAll(["A", "B", "C", "a", "c"], limit: 2) == ["A", "B", "C", "A", "c"])
    }

    /// Folds names through a table of `limit` names.
    func foldAll(_ names: [String], limit: Int) -> [String] {
        var table = NameTable(limit: limit)
        return names.enumerated().map { place, name in
            let form = table.fold(Array(name.utf8).span, .event, seq: Int64(place))
            return form.map { String(decoding: table.names[$0].text, as: UTF8.self) } ?? name
        }
    }

    @Test func bytesThatAreNotTextAreRepaired() throws {
        let store = try MemoryStore()
        var broken = event("x", "E", "{}")
        broken.identity = [0x61, 0xff]
        broken.name = [0xc3, 0x28]
        var reject = item(.reject, name: "not UTF-8")
        reject.properties = [0x61, 0x00, 0xfe]
        try store.apply([broken, reject], by: 1)
        store.restart()
        try store.apply([broken])
        #expect(try store.rows("SELECT identity_id, event FROM events") == ["1|\u{fffd}(", "1|\u{fffd}("])
        #expect(try store.rows("SELECT identity FROM identities") == ["a\u{fffd}"])
        #expect(try store.rows("SELECT raw FROM rejects") == ["a\u{0}\u{fffd}"])
    }
}
