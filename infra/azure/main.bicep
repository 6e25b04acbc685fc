// Everything that one deployment needs, in one resource group: nothing here holds a key that a person could carry away.

targetScope = 'resourceGroup'

@description('Stands at the beginning of every name.')
@minLength(3)
@maxLength(12)
param name string = 'footprint'

param location string = resourceGroup().location

@description('The serving sites of this deployment, such as eu; each connection belongs to one.')
@minLength(1)
param sites array

@description('Where browsers and webhooks reach it, without a slash at the end. Empty: under the app\'s own name.')
param publicUrl string = ''

@description('Further settings by their whole names: FOOTPRINT_MICROSOFT__CLIENT_ID, FOOTPRINT_OPERATORS__ISSUER and so on.')
param settings object = {}

@description('What infra.entra says of our applications; stands above `settings`.')
param applications object = {}

@description('Names of settings that are secrets. Their values go to the vault only.')
param secretSettings array = ['FOOTPRINT_OPERATORS__CLIENT_SECRET']

@description('Values of secret settings that are new; the others stay as they are in the vault.')
@secure()
param secrets object = {}

@description('A second database server in another zone takes over; it costs five times as much, or more.')
param zoneRedundant bool = false

@description('Who is woken up.')
param alertEmail string

@description('Instances that wait for browsers, so that an administrator\'s consent never meets a cold start.')
@minValue(0)
param alwaysReady int = 1

// Storage accounts and vaults have one name space for the whole world, and no room for more than 24 characters.
var unique = '${name}${take(uniqueString(resourceGroup().id), 8)}'
var url = empty(publicUrl) ? 'https://${unique}.azurewebsites.net' : publicUrl
var databaseUrl = 'postgresql+psycopg://${name}@${unique}.postgres.database.azure.com/footprint'
var publicDatabaseUrl = 'postgresql+psycopg://${name}-public@${unique}.postgres.database.azure.com/footprint'

// Who works: the one identity that our application at Microsoft trusts, and that opens credentials.
resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
}

// Who faces the internet: it opens content, and puts messages on the queues.
resource publicIdentity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: '${name}-public'
  location: location
}

var queues = [
  'footprint-jobs'
  'footprint-jobs-poison'
  'footprint-clean-up'
  'footprint-clean-up-poison'
]
// The console's and the scanner's are for the public app too; all others open tenants or send mail.
var shared = filter(secretSettings, one => startsWith(one, 'FOOTPRINT_OPERATORS__') || startsWith(one, 'FOOTPRINT_SCANNER__'))
var private = filter(secretSettings, one => !contains(shared, one))
var sharedSecrets = [for one in shared: { name: one, vault: unique }]
var privateSecrets = [for one in private: { name: one, vault: '${unique}w' }]

module network 'modules/network.bicep' = {
  params: { name: name, location: location }
}

module telemetry 'modules/telemetry.bicep' = {
  params: {
    name: name
    location: location
    principalIds: [identity.properties.principalId, publicIdentity.properties.principalId]
  }
}

module storage 'modules/storage.bicep' = {
  params: {
    name: '${unique}w'
    location: location
    subnetId: network.outputs.appSubnetId
    principalId: identity.properties.principalId
    packages: ['package']
    queues: queues
    senderIds: [publicIdentity.properties.principalId]
  }
}

module publicStorage 'modules/storage.bicep' = {
  params: {
    name: unique
    location: location
    subnetId: network.outputs.appSubnetId
    principalId: publicIdentity.properties.principalId
    packages: ['package', 'staging']
    queues: []
    senderIds: []
  }
}

module anchors 'modules/anchors.bicep' = {
  params: {
    name: '${unique}a'
    location: location
    subnetId: network.outputs.appSubnetId
    writerId: identity.properties.principalId
    readerId: publicIdentity.properties.principalId
  }
}

// Content, which both open.
module vault 'modules/vault.bicep' = {
  params: {
    name: unique
    location: location
    subnetId: network.outputs.appSubnetId
    principalIds: [identity.properties.principalId, publicIdentity.properties.principalId]
    workspaceId: telemetry.outputs.workspaceId
    secretSettings: filter(shared, one => contains(secrets, one))
    secrets: secrets
  }
}

// Credentials, which the workers alone open.
module workersVault 'modules/vault.bicep' = {
  params: {
    name: '${unique}w'
    location: location
    subnetId: network.outputs.appSubnetId
    principalIds: [identity.properties.principalId]
    workspaceId: telemetry.outputs.workspaceId
    secretSettings: filter(private, one => contains(secrets, one))
    secrets: secrets
  }
}

module database 'modules/database.bicep' = {
  params: {
    name: unique
    location: location
    networkId: network.outputs.networkId
    subnetId: network.outputs.endpointSubnetId
    principalId: identity.properties.principalId
    principalName: identity.name
    zoneRedundant: zoneRedundant
  }
}

module app 'modules/app.bicep' = {
  params: {
    name: unique
    location: location
    subnetId: network.outputs.appSubnetId
    identityId: publicIdentity.id
    clientId: publicIdentity.properties.clientId
    blobUrl: publicStorage.outputs.blobUrl
    package: 'package'
    hostQueueUrl: publicStorage.outputs.queueUrl
    queueUrl: storage.outputs.queueUrl
    anchorsUrl: anchors.outputs.url
    telemetry: telemetry.outputs.connectionString
    keyUrl: vault.outputs.keyUrl
    databaseUrl: publicDatabaseUrl
    secretSettings: sharedSecrets
    settings: union(settings, applications, {
      FOOTPRINT_SITES: string(sites)
      FOOTPRINT_PUBLIC_URL: url
      FOOTPRINT_FUNCTIONS: 'public'
    })
    alwaysReady: alwaysReady
    service: 'app'
  }
  dependsOn: [database]
}

// The public app once more: a new version is tried here before the public app is given it, for the plan has no slots
// (https://learn.microsoft.com/azure/azure-functions/functions-deployment-slots). Nobody is told its address.
module staging 'modules/app.bicep' = {
  params: {
    name: '${unique}s'
    location: location
    subnetId: network.outputs.appSubnetId
    identityId: publicIdentity.id
    clientId: publicIdentity.properties.clientId
    blobUrl: publicStorage.outputs.blobUrl
    package: 'staging'
    hostQueueUrl: publicStorage.outputs.queueUrl
    queueUrl: storage.outputs.queueUrl
    anchorsUrl: anchors.outputs.url
    telemetry: telemetry.outputs.connectionString
    keyUrl: vault.outputs.keyUrl
    databaseUrl: publicDatabaseUrl
    secretSettings: sharedSecrets
    settings: union(settings, applications, {
      FOOTPRINT_SITES: string(sites)
      FOOTPRINT_PUBLIC_URL: url
      FOOTPRINT_FUNCTIONS: 'public'
    })
    alwaysReady: 0
    service: 'staging'
  }
  dependsOn: [database]
}

module workers 'modules/app.bicep' = {
  params: {
    name: '${unique}w'
    location: location
    subnetId: network.outputs.appSubnetId
    identityId: identity.id
    clientId: identity.properties.clientId
    blobUrl: storage.outputs.blobUrl
    package: 'package'
    hostQueueUrl: storage.outputs.queueUrl
    queueUrl: storage.outputs.queueUrl
    anchorsUrl: anchors.outputs.url
    telemetry: telemetry.outputs.connectionString
    keyUrl: vault.outputs.keyUrl
    databaseUrl: databaseUrl
    secretSettings: concat(sharedSecrets, privateSecrets)
    settings: union(settings, applications, {
      FOOTPRINT_SITES: string(sites)
      FOOTPRINT_PUBLIC_URL: url
      FOOTPRINT_FUNCTIONS: 'private'
      FOOTPRINT_DATABASE_PUBLIC__NAME: publicIdentity.name
      FOOTPRINT_DATABASE_PUBLIC__PRINCIPAL: publicIdentity.properties.principalId
      FOOTPRINT_CREDENTIALS_KEY__KEY_VAULT: workersVault.outputs.keyUrl
      FOOTPRINT_MICROSOFT__FEDERATED: identity.properties.clientId
    })
    alwaysReady: 0
    service: 'workers'
  }
  dependsOn: [database]
}

module alerts 'modules/alerts.bicep' = {
  params: {
    name: name
    location: location
    email: alertEmail
    healthUrl: '${url}/api/health/ready'
    workspaceId: telemetry.outputs.workspaceId
    insightsId: telemetry.outputs.insightsId
    databaseId: database.outputs.id
  }
}

@description('The name of the public app, the database server, its storage account and its vault.')
output name string = unique
@description('The name of the workers\' app, their storage account and their vault.')
output workersName string = '${unique}w'
@description('The name of the app that a new version is tried on.')
output stagingName string = '${unique}s'
output publicUrl string = url
@description('The workers: the subject of the federated credential at our application\'s registration.')
output identityPrincipalId string = identity.properties.principalId
output identityClientId string = identity.properties.clientId
