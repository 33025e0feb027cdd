import Exports
import Model
import Testing

@Suite("CSV and NDJSON files say exactly what was stored")
struct RowFileTests {
    /// Two people, one of them with two identities; texts that need care.
    static let items: [Item] = [
        item(.event, "ann", name: "Viewed", #"{"page":"a,b","n":1.50,"deep":{"x":[1, 2]}}"#, at: 100, id: "e1"),
        item(
            .event, "bob", name: "Say \"hi\"", #"{"text":"line\nbreak \"q\" 😀","none":null,"yes":true}"#, at: 50,
            id: "e2"),
        item(.alias, "ann", other: "a@x.io", "", at: 120),
        item(.set, "a@x.io", #"{"plan":"pro","age":41}"#, at: 130),
        item(.event, "a@x.io", name: "Bought", "{}", at: 3_000_000, id: "e,3"),
        item(.set, "bob", #"{"plan":""}"#, at: 131),
    ]

    @Test func eventsAsCSVInTheOrderOfSeq() async throws {
        let text = try await LiveStore.with { live in
            try await live.write(Self.items)
            return try await live.text(try spec(#"{"dataset":"events","order":"seq"}"#))
        }
        #expect(
            text == """
                seq,event_id,person_id,identity,event,timestamp,received_at,properties\r
                1,e1,p_b,ann,Viewed,1970-01-01T00:01:40.000000Z,1970-01-01T00:01:40.000000Z,"{""page"":""a,b"",""n"":1.50,""deep"":{""x"":[1, 2]}}"\r
                2,e2,p_c,bob,"Say ""hi""\",1970-01-01T00:00:50.000000Z,1970-01-01T00:00:50.000000Z,"{""text"":""line\\nbreak \\""q\\"" 😀"",""none"":null,""yes"":true}"\r
                5,"e,3",p_b,a@x.io,Bought,1970-02-04T17:20:00.000000Z,1970-02-04T17:20:00.000000Z,{}\r

                """)
    }

    @Test func eventsAsNDJSONWithColumnsOfEveryKind() async throws {
        let text = try await LiveStore.with { live in
            try await live.write(Self.items)
            return try await live.text(
                try spec(
                    #"""
                    {"dataset":"events","order":"timestamp","format":"ndjson","columns":["id","properties.n","properties.n::double as n",
                    "properties.text","properties.yes::boolean as y","properties.deep","person.plan","person.age::bigint as age","properties",
                    "identity as who"]}
                    """#))
        }
        #expect(
            text == #"""
                {"id":"e2","properties.n":null,"n":null,"properties.text":"line\nbreak \"q\" 😀","y":true,"properties.deep":null,"person.plan":"","age":null,"properties":{"text":"line\nbreak \"q\" 😀","none":null,"yes":true},"who":"bob"}
                {"id":"e1","properties.n":1.50,"n":1.5,"properties.text":null,"y":null,"properties.deep":{"x":[1, 2]},"person.plan":"pro","age":41,"properties":{"page":"a,b","n":1.50,"deep":{"x":[1, 2]}},"who":"ann"}
                {"id":"e,3","properties.n":null,"n":null,"properties.text":null,"y":null,"properties.deep":null,"person.plan":"pro","age":41,"properties":{},"who":"a@x.io"}

                """#)
    }

    @Test func missingAndEmptyDifferInCSV() async throws {
        let text = try await LiveStore.with { live in
            try await live.write(Self.items)
            return try await live.text(
                try spec(
                    #"{"dataset":"people","columns":["person_id","identities","properties.plan","properties.age","events_total","last_seen"]}"#
                ))
        }
        #expect(
            text == """
                person_id,identities,properties.plan,properties.age,events_total,last_seen\r
                p_b,"[""ann"",""a@x.io""]",pro,41,2,1970-02-04T17:20:00.000000Z\r
                p_c,"[""bob""]","",,1,1970-01-01T00:00:50.000000Z\r

                """)
    }

    /// An empty line would be no row to those who read it.
    @Test func aRowOfOneMissingValueIsARow() async throws {
        let texts = try await LiveStore.with { live in
            try await live.write(Self.items)
            var out: [String] = []
            for json in [
                #"{"dataset":"events","order":"seq","columns":["properties.n"]}"#,
                #"{"dataset":"events","order":"seq","columns":["properties.n::double as n"]}"#,
                #"{"dataset":"people","columns":["properties.age"]}"#,
                #"{"dataset":"aliases","columns":["undone_seq"]}"#,
                #"{"dataset":"aliases","columns":["undone_seq"],"format":"ndjson"}"#,
                #"{"dataset":"events","columns":["properties.n","properties.text"],"where":{"event":"Bought"}}"#,
            ] { out.append(try await live.text(try spec(json))) }
            return out
        }
        #expect(
            texts == [
                "properties.n\r\n1.50\r\n\"\"\r\n\"\"\r\n", "n\r\n1.5\r\n\"\"\r\n\"\"\r\n",
                "properties.age\r\n41\r\n\"\"\r\n", "undone_seq\r\n\"\"\r\n", "{\"undone_seq\":null}\n",
                "properties.n,properties.text\r\n,\r\n",
            ])
    }

    @Test func theOtherDatasets() async throws {
        let texts = try await LiveStore.with { live in
            try await live.write(Self.items)
            var out: [String] = []
            for json in [
                #"{"dataset":"property-changes"}"#, #"{"dataset":"aliases"}"#, #"{"dataset":"identities"}"#,
                #"{"dataset":"people","identified":true,"columns":["properties"],"format":"ndjson"}"#,
                #"{"dataset":"people","columns":["person_id","properties.*"]}"#,
                #"{"dataset":"events","columns":["seq","properties.*"],"order":"seq"}"#,
                #"{"dataset":"events","columns":["seq","event"],"where":{"event":"Bought"}}"#,
            ] { out.append(try await live.text(try spec(json))) }
            return out
        }
        #expect(
            texts == [
                "seq,person_id,identity,timestamp,name,value\r\n4,p_b,a@x.io,1970-01-01T00:02:10.000000Z,age,41\r\n"
                    + "4,p_b,a@x.io,1970-01-01T00:02:10.000000Z,plan,pro\r\n6,p_c,bob,1970-01-01T00:02:11.000000Z,plan,\"\"\r\n",
                "seq,timestamp,identity,other,undone_seq\r\n3,1970-01-01T00:02:00.000000Z,ann,a@x.io,\r\n",
                "identity,person_id,named,first_seq\r\nann,p_b,true,1\r\nbob,p_c,false,2\r\na@x.io,p_b,true,3\r\n",
                "{\"properties\":{\"age\":41,\"plan\":\"pro\"}}\n",
                "person_id,properties.age,properties.plan\r\np_b,41,pro\r\np_c,,\"\"\r\n",
                "seq,properties.deep,properties.n,properties.page,properties.text,properties.yes\r\n"
                    + "1,\"{\"\"x\"\":[1, 2]}\",1.50,\"a,b\",,\r\n2,,,,\"line\nbreak \"\"q\"\" 😀\",true\r\n5,,,,,\r\n",
                "seq,event\r\n5,Bought\r\n",
            ])
    }
}
