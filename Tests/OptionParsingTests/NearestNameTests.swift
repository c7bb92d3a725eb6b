// SPDX-License-Identifier: MIT
import OptionParsing
import Testing

@Suite struct NearestNameTests {
    @Test(arguments: [("vhost", "vhost", 0), ("vhsot", "vhost", 1), ("", "abc", 3), ("kitten", "sitting", 3)])
    func distanceCountsEdits(a: String, b: String, distance: Int) {
        #expect(NearestName.edits(Array(a.utf8), Array(b.utf8)) == distance)
        #expect(NearestName.edits(Array(b.utf8), Array(a.utf8)) == distance)
    }
}
