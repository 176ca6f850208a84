// The official validator's own code (HL7's InstanceValidator in HAPI), offline: definitions from
// jars, npm packages and folders of JSON. It takes long to begin, so it goes on until its input ends.
//
//   java -cp 'lib/*' Validate.java (package.tgz | folder)...
//
// A line of input names two folders, with a tab between them; out comes one line of JSON per file of
// theirs, then "judged". Unknown extensions are errors. Code systems that are not here (SNOMED,
// LOINC) are warnings. Files of the second folder are judged by the US Core profile of their type
// as well.
import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.*;
import ca.uhn.fhir.validation.*;
import com.google.gson.*;
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import org.hl7.fhir.common.hapi.validation.support.*;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.r5.utils.validation.constants.BestPracticeWarningLevel;
import org.hl7.fhir.utilities.npm.NpmPackage;

public class Validate {
  static final String US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-";
  static final Set<String> KINDS =
      Set.of("StructureDefinition", "ValueSet", "CodeSystem", "Questionnaire");
  static final Map<String, String> PROFILES = Map.ofEntries(
      Map.entry("Patient", "patient"), Map.entry("RelatedPerson", "relatedperson"),
      Map.entry("Practitioner", "practitioner"), Map.entry("Coverage", "coverage"),
      Map.entry("PractitionerRole", "practitionerrole"), Map.entry("Goal", "goal"),
      Map.entry("Organization", "organization"), Map.entry("Location", "location"),
      Map.entry("CarePlan", "careplan"), Map.entry("Encounter", "encounter"),
      Map.entry("ServiceRequest", "servicerequest"),
      Map.entry("Observation", "simple-observation"),
      Map.entry("DocumentReference", "documentreference"),
      Map.entry("Provenance", "provenance"));

  public static void main(String[] arguments) throws Exception {
    FhirValidator validator = validator(List.of(arguments));
    var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line; (line = input.readLine()) != null; ) {
      String[] folders = line.split("\t");
      judge(validator, folders[0], false);
      judge(validator, folders[1], true);
      System.out.println("judged");
    }
  }

  static FhirValidator validator(List<String> packages) throws Exception {
    FhirContext context = FhirContext.forR4();
    var unknown = new UnknownCodeSystemWarningValidationSupport(context);
    unknown.setNonExistentCodeSystemSeverity(IValidationSupport.IssueSeverity.WARNING);
    var chain = new ValidationSupportChain(
        new DefaultProfileValidationSupport(context), definitions(context, packages),
        new CommonCodeSystemsTerminologyService(context),
        new InMemoryTerminologyServerValidationSupport(context),
        new SnapshotGeneratingValidationSupport(context), unknown);
    var instance = new FhirInstanceValidator(chain);
    instance.setAnyExtensionsAllowed(false);
    instance.setErrorForUnknownProfiles(false);
    instance.setBestPracticeWarningLevel(BestPracticeWarningLevel.Ignore);
    return context.newValidator().registerValidatorModule(instance);
  }

  /** HAPI's own support reads packages from the class path only. */
  static PrePopulatedValidationSupport definitions(FhirContext context, List<String> packages)
      throws Exception {
    var support = new PrePopulatedValidationSupport(context);
    for (String name : packages) {
      Path path = Path.of(name);
      if (Files.isDirectory(path)) {
        for (Path file : files(path)) add(context, support, Files.readString(file));
        continue;
      }
      var folder = NpmPackage.fromPackage(Files.newInputStream(path)).getFolders().get("package");
      for (var entry : folder.getTypes().entrySet()) {
        if (!KINDS.contains(entry.getKey())) continue;
        for (String file : entry.getValue()) {
          add(context, support, new String(folder.fetchFile(file), StandardCharsets.UTF_8));
        }
      }
    }
    return support;
  }

  static void add(FhirContext context, PrePopulatedValidationSupport support, String text) {
    support.addResource(context.newJsonParser().parseResource(text));
  }

  static List<Path> files(Path folder) throws Exception {
    try (var found = Files.list(folder)) {
      return found.filter(file -> file.toString().endsWith(".json")).sorted().toList();
    }
  }

  static void judge(FhirValidator validator, String folder, boolean usCore) throws Exception {
    for (Path file : files(Path.of(folder))) {
      String body = Files.readString(file);
      String type = JsonParser.parseString(body).getAsJsonObject().get("resourceType").getAsString();
      var options = new ValidationOptions();
      if (usCore && PROFILES.containsKey(type) && !body.contains(US_CORE)) {
        options.addProfile(US_CORE + PROFILES.get(type));
      }
      JsonArray errors = new JsonArray();
      for (var found : validator.validateWithResult(body, options).getMessages()) {
        if (found.getSeverity().ordinal() >= ResultSeverityEnum.ERROR.ordinal()) {
          errors.add(found.getLocationString() + ": " + found.getMessage());
        }
      }
      JsonObject told = new JsonObject();
      told.addProperty("file", file.getFileName().toString());
      told.add("errors", errors);
      System.out.println(told);
    }
  }
}
